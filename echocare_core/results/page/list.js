// Lists of cases: sorted by a click on a head, filtered by the toolbar, shown a page at a time.

const PAGE_ROWS = 50;

/** One table of cases. Its rows stay those of the page; which of them are shown, and in which order, is decided here. */
class CaseList {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.all = Array.from(this.body.rows);
    this.shown = this.all;
    this.first = 0;
    this.onShow = [];
    this.heads = Array.from(table.tHead.rows[0].cells);
    this.heads.forEach((head, column) => this.makeSortable(head, column));
    this.pager = this.makePager();
  }

  /** Put a button into a head. */
  makeSortable(head, column) {
    const button = make("button", { type: "button" }, ...Array.from(head.childNodes));
    head.append(button);
    button.addEventListener("click", () => this.sortBy(column));
  }

  /** Sort by a column, the other way round where it is sorted by it already; what has no value stands last. */
  sortBy(column) {
    const head = this.heads[column];
    const up = head.getAttribute("aria-sort") !== "ascending";
    this.heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const keyed = this.all.map((row) => [row.cells[column].dataset.sort || "", row]);
    keyed.sort(([a], [b]) => compared(a, b, up));
    this.all = keyed.map(([, row]) => row);
    this.body.append(...this.all);
    this.filter(this.wanted);
    announce(`Sorted by ${head.textContent}, ${up ? "ascending" : "descending"}`);
  }

  /** Keep the rows that `wanted` says yes to; how many that are. */
  filter(wanted) {
    this.wanted = wanted;
    const kept = wanted ? new Set(this.all.filter(wanted)) : null;
    this.shown = kept ? this.all.filter((row) => kept.has(row)) : this.all;
    this.all.forEach((row) => row.classList.toggle("out", kept !== null && !kept.has(row)));
    this.show(0);
    return this.shown.length;
  }

  /** Show the page that begins with a row. */
  show(first) {
    this.first = first;
    const page = new Set(this.shown.slice(first, first + PAGE_ROWS));
    this.all.forEach((row) => row.classList.toggle("far", !page.has(row)));
    const last = Math.min(first + PAGE_ROWS, this.shown.length);
    this.pager.hidden = this.shown.length <= PAGE_ROWS;
    this.place.textContent = `${first + 1} to ${last} of ${this.shown.length.toLocaleString("en-US")}`;
    this.back.disabled = first === 0;
    this.next.disabled = last >= this.shown.length;
    this.onShow.forEach((run) => run(Array.from(page)));
  }

  /** The buttons below the table. */
  makePager() {
    this.back = make("button", { type: "button" }, "Previous page");
    this.next = make("button", { type: "button" }, "Next page");
    this.place = make("span", {});
    this.back.addEventListener("click", () => this.turn(-PAGE_ROWS));
    this.next.addEventListener("click", () => this.turn(PAGE_ROWS));
    const pager = make("nav", { class: "pager needs-script", "aria-label": "Pages of the list" });
    pager.append(this.place, this.back, this.next);
    this.table.parentElement.after(pager);
    return pager;
  }

  /** Go to another page, and say which. */
  turn(rows) {
    this.show(this.first + rows);
    this.table.parentElement.scrollIntoView();
    announce(`Rows ${this.place.textContent}`);
  }
}

/** The order of two cells: numbers as numbers, words as words, nothing last. */
function compared(a, b, up) {
  if (!a !== !b) return a ? -1 : 1;
  const x = Number(a);
  const y = Number(b);
  const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  return up ? order : -order;
}

/** All lists of the page. */
function caseLists() {
  return Array.from(document.querySelectorAll("table.cases"), (table) => new CaseList(table));
}
