// A cine: its frames at the times at which they were recorded, and the controls to play it.

const SPEEDS = [[0.25, "¼×"], [0.5, "½×"], [1, "1×"], [2, "2×"]];
const UNKNOWN_MS = 40; // between frames of a cine that does not say when they were recorded

/** Plays rows of a case; `show` is called with the number of each row that is to be seen. */
class Cine {
  constructor(rows, show) {
    this.rows = rows;
    this.show = show;
    this.at = 0;
    this.speed = 1;
    this.timer = null;
    this.isTimed = rows.every((row) => row.ms !== undefined) && rows[rows.length - 1].ms > rows[0].ms;
    this.times = rows.map((row, number) => (this.isTimed ? row.ms : number * UNKNOWN_MS));
    this.controls = this.makeControls();
  }

  /** Go to a frame, and leave it there. */
  goTo(number) {
    this.at = Math.min(Math.max(number, 0), this.rows.length - 1);
    this.scrubber.value = this.at;
    this.scrubber.setAttribute("aria-valuetext", this.words());
    this.place.textContent = this.words();
    this.show(this.at);
  }

  /** Where it is, in words. */
  words() {
    const time = this.isTimed ? `, ${this.times[this.at].toFixed(0)} ms` : "";
    return `Frame ${this.rows[this.at].frame} (${this.at + 1} of ${this.rows.length}${time})`;
  }

  /** Play on from here, or from the beginning where it is at its end. */
  play() {
    if (this.at === this.rows.length - 1) this.goTo(0);
    this.began = { at: this.times[this.at], clock: performance.now() };
    this.setPlaying(requestAnimationFrame((now) => this.tick(now)));
  }

  /** Stop where it is. */
  pause() {
    cancelAnimationFrame(this.timer);
    this.setPlaying(null);
  }

  /** Show what is due; frames whose time has passed meanwhile are left out, as the heart does not wait. */
  tick(now) {
    const due = this.began.at + (now - this.began.clock) * this.speed;
    let next = this.at;
    while (next < this.rows.length - 1 && this.times[next + 1] <= due) next += 1;
    if (next !== this.at) this.goTo(next);
    if (next === this.rows.length - 1) this.pause();
    else this.timer = requestAnimationFrame((later) => this.tick(later));
  }

  /** Note whether it plays, on its button too. */
  setPlaying(timer) {
    this.timer = timer;
    this.button.textContent = timer === null ? "Play" : "Pause";
  }

  /** One frame on or back. */
  step(by) {
    this.pause();
    this.goTo(this.at + by);
  }

  /** Choose how fast it plays. */
  setSpeed(speed) {
    this.speed = speed;
    if (this.timer !== null) this.began = { at: this.times[this.at], clock: performance.now() };
  }

  /** The buttons, the scrubber and the speed. */
  makeControls() {
    this.button = make("button", { type: "button", class: "play" }, "Play");
    this.button.addEventListener("click", () => (this.timer === null ? this.play() : this.pause()));
    const back = make("button", { type: "button", "aria-label": "One frame back" }, "◂");
    const on = make("button", { type: "button", "aria-label": "One frame on" }, "▸");
    back.addEventListener("click", () => this.step(-1));
    on.addEventListener("click", () => this.step(1));
    this.scrubber = make("input", { type: "range", min: 0, max: this.rows.length - 1, step: 1, value: 0, "aria-label": "Frame" });
    this.scrubber.addEventListener("input", () => { this.pause(); this.goTo(Number(this.scrubber.value)); });
    this.place = make("p", { class: "meta place" });
    const unknown = this.isTimed ? null : make("p", { class: "meta" }, "The file does not say when its frames were recorded: 25 a second are shown.");
    return make("div", { class: "cine-controls" },
      make("div", { class: "line" }, this.button, back, on, this.scrubber, this.makeSpeeds()), this.place, unknown);
  }

  /** The choice of speeds. */
  makeSpeeds() {
    const select = make("select", { "aria-label": "Speed" });
    SPEEDS.forEach(([value, text]) => select.append(make("option", { value, selected: value === 1 }, text)));
    select.addEventListener("change", () => this.setSpeed(Number(select.value)));
    return select;
  }
}
