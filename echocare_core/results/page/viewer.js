// The pictures of one case: the frame with what was found on it, a cine with its controls and curve.

const AHEAD = 4; // pictures that are made before they are seen
let opacity = 100; // of what was found, in percent, kept from case to case

/** The viewer of a case in its place on the page. */
class Viewer {
  constructor(place, found, bundle, onRow) {
    this.place = place;
    this.found = found;
    this.bundle = bundle;
    this.onRow = onRow;
    this.rows = found.rows.filter((row) => row.picture !== undefined && !row.level);
    if (!this.rows.length) this.rows = found.rows.filter((row) => row.picture !== undefined);
    this.drawn = new Map();
    this.build();
  }

  /** Put everything into its place. */
  build() {
    this.place.textContent = "";
    if (!this.rows.length) return;
    this.stage = make("div", { class: "stage" });
    this.ofFrame = make("div", { class: "of-frame", role: "group", "aria-label": "This frame" });
    this.place.append(this.stage, this.makeSlider());
    this.curves = [];
    if (this.rows.length > 1) {
      this.cine = new Cine(this.rows, (number) => this.show(number));
      this.place.append(this.cine.controls);
      this.addCurves();
    }
    this.place.append(this.ofFrame);
    if (this.cine) this.cine.goTo(0);
    else this.show(0);
  }

  /** Show a row: its picture, its numbers, and where it is on the curves. */
  show(number) {
    this.at = number;
    const row = this.rows[number];
    this.stage.textContent = "";
    this.stage.append(...this.picturesOf(row));
    this.rows.slice(number + 1, number + 1 + AHEAD).forEach((next) => this.picturesOf(next));
    this.curves.forEach((curve) => curve.move(number));
    if (this.cine) {
      this.ofFrame.textContent = "";
      this.ofFrame.append(...[tableOfRow(row, this.bundle), ...notesOfRow(row), linksOfRow(row)].filter(Boolean));
    }
    this.onRow(row);
  }

  /** The pictures of a row; those of a cine are made once, since they are seen again. */
  picturesOf(row) {
    if (!this.drawn.has(row.picture)) this.drawn.set(row.picture, this.draw(row));
    return this.drawn.get(row.picture);
  }

  /** Make them: the frame, and what was made from it. */
  draw(row) {
    const picture = pictureOf(row.picture);
    if (!picture) return [make("p", { class: "none" }, "This picture is not on the page, to keep it small: open the overlay beside it.")];
    if ((picture.legend || []).some((key) => key.sign === "shade")) this.word.textContent = "Evidence ";
    const said = [this.found.name, placeText(this.found, row), row.said || "as recorded"].filter(Boolean).join(", ");
    const more = (picture.more || []).map((one) =>
      make("figure", {}, drawPicture({ ...one, size: [one.w, one.h], marks: [] }, `${said}, ${nameText(one.name)}`), make("figcaption", {}, nameText(one.name))));
    const pictures = [make("div", {}, drawPicture(picture, said), makeLegend(picture)), ...more];
    pictures.forEach((one) => this.fade(one));
    return pictures;
  }

  /** The slider that takes away what was found, and brings it back. */
  makeSlider() {
    const slider = make("input", { type: "range", min: 0, max: 100, step: 5, value: opacity });
    const output = make("output", {}, `${opacity}%`);
    slider.addEventListener("input", () => {
      opacity = Number(slider.value);
      output.textContent = `${opacity}%`;
      this.drawn.forEach((pictures) => pictures.forEach((one) => this.fade(one)));
    });
    this.word = make("span", {}, "Outline ");
    return make("label", { class: "slider" }, this.word, slider, output);
  }

  /** Give the marks of a picture the opacity of the slider. */
  fade(picture) {
    const marks = picture.querySelector(".marks");
    if (marks) marks.style.opacity = opacity / 100;
  }

  /** A curve for each column that has enough numbers. */
  addCurves() {
    const place = make("div", { class: "curves" });
    const marked = namedFrames(this.rows, this.found.rows, this.bundle.columns);
    this.bundle.columns.forEach((column, number) => {
      const goTo = (at) => { this.cine.pause(); this.cine.goTo(at); };
      const curve = makeCurve(this.cine, column, number, marked, goTo);
      if (curve) {
        this.curves.push(curve);
        place.append(curve.element);
      }
    });
    if (this.curves.length) this.place.append(place);
  }

  /** Stop what plays. */
  leave() {
    if (this.cine) this.cine.pause();
    this.drawn.clear();
    this.place.textContent = "";
  }
}
