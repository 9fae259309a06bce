// The page: its lists, and the view of one case, which the address names (#case-17), so that Back leads back.

/** Start everything. */
function startPage() {
  const data = dataIn("data");
  const lists = caseLists();
  const corrections = new Corrections(data.run);
  const filters = new Filters(lists);
  const view = new CaseView(data, lists, corrections);
  const print = setUpPrint(data, () => new Set(view.number === null ? numbersIn(lists) : [view.number]));
  document.getElementById("actions").append(print, ...correctionButtons(data, corrections));
  const mark = () => markRead(lists, data, corrections);
  corrections.onChange.push(mark);
  mark();
  lists.forEach((list) => {
    if (list.all.some((row) => row.dataset.picture)) list.table.classList.add("with-pictures");
    list.onShow.push(drawThumbs);
  });
  filters.apply();
  view.follow();
  whenRead(() => { lists.forEach((list) => list.show(list.first)); view.follow(); });
}

/** The number of the case that a row of a list leads to, from 0. */
function caseOf(row) {
  return Number(row.querySelector("a").getAttribute("href").slice("#case-".length)) - 1;
}

/** The numbers of the cases in the lists, as they are sorted and filtered. */
function numbersIn(lists) {
  return lists.flatMap((list) => list.shown.map(caseOf));
}

/** Note on the rows of the lists which cases a reader has read. */
function markRead(lists, data, corrections) {
  for (const row of lists.flatMap((list) => list.all)) {
    const found = data.cases[caseOf(row)];
    const read = isRead(found, data.bundles[found.bundle], corrections);
    const states = valuesOf(row, "state").filter((one) => !one.endsWith("read"));
    row.dataset.state = [...states, read ? "read" : "unread"].join(APART);
    const mark = row.cells[0].querySelector(".read-mark");
    if (read && !mark) row.cells[0].append(make("span", { class: "read-mark" }, "read"));
    if (!read && mark) mark.remove();
  }
}

/** The view of one case. */
class CaseView {
  constructor(data, lists, corrections) {
    this.data = data;
    this.lists = lists;
    this.corrections = corrections;
    this.number = null;
    this.articles = Array.from(document.querySelectorAll("#cases > article"));
    this.title = document.title;
    this.bar = this.makeBar();
    document.getElementById("cases").before(this.bar);
    window.addEventListener("hashchange", () => this.follow());
  }

  /** Show what the address names: a case, or the list. */
  follow() {
    const found = /^#case-(\d+)$/.exec(window.location.hash);
    const number = found && this.data.cases[found[1] - 1] ? found[1] - 1 : null;
    const before = this.number;
    this.close();
    if (number !== null) this.open(number);
    else if (before !== null) this.returnTo(before);
  }

  /** Show a case. */
  open(number) {
    this.number = number;
    const article = this.articles[number];
    const found = this.data.cases[number];
    const bundle = this.data.bundles[found.bundle];
    document.body.classList.add("in-case");
    article.classList.add("open");
    document.title = `${found.name} – ${this.title}`;
    const reading = new ReadingPanel(article.querySelector(".said"), found, bundle, this.corrections);
    this.viewer = new Viewer(article.querySelector(".viewer"), found, bundle, (row) => reading.showFrame(row));
    this.showPlace();
    const heading = article.querySelector("h2");
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  /** Close the case that is shown. */
  close() {
    if (this.number === null) return;
    const article = this.articles[this.number];
    this.viewer.leave();
    article.querySelector(".reading").remove();
    article.classList.remove("open");
    document.body.classList.remove("in-case");
    document.title = this.title;
    this.number = null;
  }

  /** Go to the row of the list from which a case was opened. */
  returnTo(number) {
    for (const list of this.lists) {
      const row = list.shown.findIndex((one) => caseOf(one) === number);
      if (row < 0) continue;
      list.show(Math.floor(row / PAGE_ROWS) * PAGE_ROWS);
      list.shown[row].querySelector("a").focus();
    }
  }

  /** The cases in the order of the lists, as they are filtered; the open one among them. */
  order() {
    const numbers = numbersIn(this.lists);
    return numbers.includes(this.number) ? numbers : this.data.cases.map((_, number) => number);
  }

  /** Say which of the cases it is, and where the buttons lead. */
  showPlace() {
    const numbers = this.order();
    const at = numbers.indexOf(this.number);
    this.place.textContent = `Case ${(at + 1).toLocaleString("en-US")} of ${numbers.length.toLocaleString("en-US")}`;
    this.lead(this.back, numbers[at - 1]);
    this.lead(this.next, numbers[at + 1]);
  }

  /** Let a link lead to a case, or nowhere. */
  lead(link, number) {
    if (number === undefined) {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    } else {
      link.href = `#case-${number + 1}`;
      link.removeAttribute("aria-disabled");
    }
  }

  /** The bar above a case. */
  makeBar() {
    const list = make("a", { href: "#main", class: "button" }, "◂ All cases");
    this.back = make("a", { class: "button" }, "Previous");
    this.next = make("a", { class: "button" }, "Next");
    this.place = make("span", { class: "meta" });
    return make("nav", { class: "case-bar", "aria-label": "Cases" }, list, this.place, this.back, this.next);
  }
}

startPage();
