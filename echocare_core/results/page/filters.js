// The toolbar above the lists: free text, folder or study, finding, state.

const APART = "|";
const STATES = { check: "To check", nothing: "Nothing found", read: "Read by you", unread: "Not read by you" };

/** Filters all lists of a page together. */
class Filters {
  constructor(lists) {
    this.lists = lists;
    this.toolbar = document.getElementById("filters");
    this.count = document.getElementById("counted");
    this.asideRows = Array.from(document.querySelectorAll("table.aside tbody tr"));
    this.words = new Map();
    if (!this.toolbar) return;
    this.text = this.field("text");
    this.choices = ["folder", "finding", "state"].map((name) => [name, this.field(name)]);
    this.fill();
    this.text.addEventListener("input", () => this.apply());
    this.choices.forEach(([, select]) => select.addEventListener("change", () => this.apply()));
    this.toolbar.addEventListener("submit", (event) => event.preventDefault());
    this.apply();
  }

  /** A field of the toolbar. */
  field(name) {
    return this.toolbar.elements.namedItem(name);
  }

  /** Offer what occurs; a choice between less than two is none. */
  fill() {
    for (const [name, select] of this.choices) {
      const found = new Set();
      for (const row of this.rows()) valuesOf(row, name).forEach((value) => found.add(value));
      const values = name === "state" ? Object.keys(STATES).filter((one) => found.has(one) || one.endsWith("read")) : [...found];
      values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      values.forEach((value) => select.append(make("option", { value }, STATES[value] && name === "state" ? STATES[value] : value)));
      if (name === "state" && this.asideRows.length) select.append(make("option", { value: "aside" }, "Set aside"));
      select.closest(".field").hidden = values.length < 2 && name !== "state";
    }
  }

  /** All rows of all lists. */
  rows() {
    return this.lists.flatMap((list) => list.all);
  }

  /** Show what fits, and say how much that is. */
  apply() {
    const text = this.text.value.trim().toLowerCase();
    const chosen = this.choices.filter(([, select]) => select.value);
    const aside = this.choices.some(([, select]) => select.value === "aside");
    const wanted = (row) => chosen.every(([name, select]) => valuesOf(row, name).includes(select.value)) && this.has(row, text);
    let number = 0;
    this.lists.forEach((list) => {
      number += list.filter(text || chosen.length ? wanted : null);
      list.table.closest("section").hidden = aside;
    });
    const left = this.filterAside(text);
    this.say(aside ? `${counted(left, "entry").replace("entrys", "entries")} set aside` : counted(number, "case"));
  }

  /** Filter what was set aside by the text; how much is left. */
  filterAside(text) {
    const entries = this.asideRows.filter((row) => !row.querySelector("[scope=rowgroup]"));
    entries.forEach((row) => { row.hidden = !this.has(row, text); });
    return entries.filter((row) => !row.hidden).length;
  }

  /** Whether a row has a text in it. */
  has(row, text) {
    if (!text) return true;
    if (!this.words.has(row)) this.words.set(row, `${row.textContent} ${row.dataset.folder || ""}`.toLowerCase());
    return this.words.get(row).includes(text);
  }

  /** Say how many are shown; to who listens as well. */
  say(text) {
    if (this.count) this.count.textContent = text;
  }
}

/** What a row says of a folder, a finding or a state. */
function valuesOf(row, name) {
  const value = row.dataset[name];
  return value ? value.split(APART) : [];
}
