// The numbers of the frame that is seen.

/** A table of what is said of one row; null where nothing is. */
function tableOfRow(row, bundle) {
  const lines = [];
  bundle.questions.forEach((question, number) => {
    const answer = row.answers && row.answers[number];
    if (answer) lines.push(lineOf(question.name, nameText(answer), false));
  });
  bundle.columns.forEach((column, number) => {
    const value = row.values && row.values[number];
    if (isNumber(value)) lines.push(lineOf(column.name, valueText(value, column.unit), isDoubted(value, column)));
  });
  return lines.length ? make("table", { class: "measurements" }, make("tbody", {}, ...lines)) : null;
}

/** A line of that table. */
function lineOf(name, text, doubted) {
  const mark = doubted ? make("span", { class: "doubt" }, "not plausible") : null;
  return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, make("strong", {}, text), mark ? " " : null, mark));
}

/** Whether a number is outside of what its bundle finds plausible. */
function isDoubted(value, column) {
  return column.low !== undefined && (value < column.low || value > column.high);
}

/** What speaks against a row, as notes. */
function notesOfRow(row) {
  return (row.doubts || []).map((doubt) => make("p", { class: "note doubt" }, make("strong", {}, "Check this: "), doubt));
}

/** Links to the files of a row. */
function linksOfRow(row) {
  const links = Object.entries(row.files || {}).map(([name, path]) =>
    make("a", { href: path.split("/").map(encodeURIComponent).join("/") }, name));
  return links.length ? make("p", { class: "meta files" }, "Beside this page: ", ...links.flatMap((link, at) => (at ? [", ", link] : [link]))) : null;
}
