// The form in which a reader says what is right, and the buttons that save and read the table of it.

const JUDGEMENTS = [["right", "Right"], ["unsure", "Unsure"], ["wrong", "Wrong"]];

/** The place of the form: about the whole case, or about the frame that is seen. */
class ReadingPanel {
  constructor(place, found, bundle, corrections) {
    Object.assign(this, { found, bundle, corrections, whole: found.rows.find((row) => row.level) });
    this.row = this.whole || found.rows[0];
    this.isWhole = Boolean(this.whole);
    this.form = make("div", {});
    this.about = make("p", { class: "meta" });
    place.append(make("section", { class: "reading", "aria-label": "Your reading" },
      make("h3", {}, "Your reading"), this.makeChoice(), this.about, this.form));
    this.show(this.row);
  }

  /** What it can be about, where there are both; null where there is one. */
  makeChoice() {
    if (!this.whole || this.found.rows.length < 2) return null;
    const select = make("select", { "aria-label": "About" },
      make("option", { value: "whole" }, `About the whole ${this.whole.level}`), make("option", { value: "frame" }, "About the frame that is shown"));
    select.addEventListener("change", () => {
      this.isWhole = select.value === "whole";
      this.show(this.isWhole ? this.whole : this.seen || this.found.rows.find((row) => !row.level));
    });
    return select;
  }

  /** Another frame is seen. */
  showFrame(row) {
    this.seen = row;
    if (!this.isWhole) this.show(row);
  }

  /** Show the form about a row. */
  show(row) {
    const place = placeText(this.found, row);
    this.about.textContent = `${place ? `About ${place}. ` : ""}It changes no result; save it as a table for the next training.`;
    this.form.replaceChildren(correctionForm(this.found, row, this.bundle, this.corrections));
  }
}

/** The form about a row of a case; what is typed is kept at once. */
function correctionForm(found, row, bundle, corrections) {
  const about = aboutOf(found, row, bundle);
  const reading = corrections.of(about);
  const change = (changed) => corrections.set(about, Object.assign(reading, changed, { at: undefined }));
  const form = make("form", { class: "correction" });
  form.append(judgementField(reading, change));
  bundle.questions.forEach((question, number) => form.append(classField(question, row.answers && row.answers[number], reading, change)));
  bundle.columns.forEach((column, number) => {
    const value = row.values && row.values[number];
    if (isNumber(value)) form.append(numberField(column, value, reading, change));
  });
  form.append(commentField(reading, change), make("p", { class: "meta kept", role: "status" }, keptText(corrections, about)));
  const told = form.querySelector(".kept");
  form.addEventListener("change", () => { told.textContent = keptText(corrections, about); });
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
}

/** Where a reading is, in words. */
function keptText(corrections, about) {
  if (!corrections.all.has(about)) return "";
  return corrections.isKept ? "Kept in this browser." : "Kept until this page is closed: save the table.";
}

/** Right, unsure or wrong. */
function judgementField(reading, change) {
  const choices = JUDGEMENTS.map(([value, text]) => {
    const radio = make("input", { type: "radio", name: "judgement", value, checked: reading.judgement === value });
    radio.addEventListener("change", () => change({ judgement: value }));
    return make("label", {}, radio, " ", text);
  });
  return make("fieldset", { class: "judgement" }, make("legend", {}, "The result is"), ...choices);
}

/** Another class for a question. */
function classField(question, answer, reading, change) {
  const select = make("select", {}, make("option", { value: "" }, answer ? `${nameText(answer)} (as found)` : "not said"));
  question.classes.filter((name) => name !== answer).forEach((name) =>
    select.append(make("option", { value: name, selected: reading.values[question.column] === name }, nameText(name))));
  select.addEventListener("change", () => change({ values: Object.assign(reading.values, { [question.column]: select.value }) }));
  return make("label", { class: "field" }, question.name, select);
}

/** Another number; one that is none is not kept. */
function numberField(column, value, reading, change) {
  const input = make("input", {
    type: "text", inputmode: "decimal", autocomplete: "off", value: reading.values[column.column] || "", placeholder: String(value),
  });
  const wrong = make("span", { class: "wrong", role: "alert" });
  input.addEventListener("input", () => {
    const number = numberIn(input.value);
    input.toggleAttribute("aria-invalid", number === null);
    wrong.textContent = number === null ? "needed a number" : "";
    if (number !== null) change({ values: Object.assign(reading.values, { [column.column]: number }) });
  });
  return make("label", { class: "field" }, titleOf(column), input, wrong);
}

/** A number as a table has it, also of a decimal comma; "" of nothing, null where it is none. */
function numberIn(text) {
  const plain = text.trim().replace(",", ".");
  return plain === "" ? "" : /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? String(Number(plain)) : null;
}

/** A few words. */
function commentField(reading, change) {
  const area = make("textarea", { rows: 2 }, reading.comment);
  area.addEventListener("input", () => change({ comment: area.value.trim() }));
  return make("label", { class: "field" }, "Comment", area);
}

/** The buttons for all readings: save, read, remove. */
function correctionButtons(data, corrections) {
  const save = make("button", { type: "button" }, "Save readings");
  const read = make("button", { type: "button" }, "Read a table");
  const clear = make("button", { type: "button" }, "Remove readings");
  const file = make("input", { type: "file", accept: ".csv,text/csv", class: "unseen", tabindex: "-1", "aria-label": "Table of readings" });
  save.addEventListener("click", () => saveTable(data, corrections));
  read.addEventListener("click", () => file.click());
  file.addEventListener("change", () => readFile(file, data, corrections));
  clear.addEventListener("click", () => {
    const all = counted(corrections.all.size, "reading");
    if (window.confirm(`Remove ${all} from this browser? A table that was saved stays.`)) corrections.clear();
  });
  const show = () => {
    save.textContent = corrections.all.size ? `Save ${counted(corrections.all.size, "reading")}` : "Save readings";
    save.disabled = clear.disabled = corrections.all.size === 0;
  };
  corrections.onChange.push(show);
  show();
  return [save, read, clear, file];
}

/** Give the table to the browser to save. */
function saveTable(data, corrections) {
  const text = writeCsv(tableOfCorrections(data, corrections));
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "corrections.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  announce(`Saved ${counted(corrections.all.size, "reading")} as corrections.csv`);
}

/** Take the readings of a table that was saved before. */
function readFile(file, data, corrections) {
  const [chosen] = file.files;
  if (!chosen) return;
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    const { taken, left } = takeTable(reader.result, data, corrections);
    const said = `Read ${counted(taken, "reading")}${left ? `; ${counted(left, "row")} about nothing on this page` : ""}.`;
    announce(said);
    document.getElementById("counted").textContent = said;
    file.value = "";
  });
  reader.readAsText(chosen);
}
