// Tables as text: what a spreadsheet opens without running a cell of it (`spreadsheet.py` says why), and reads back.

const FORMULA = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;
const NUMBER_OR_DATE = /^[\d.,:/eE+\- ]+$/;

/** A path as a cell: with "./" before it where it would become a formula, a number or a date. */
function pathCell(path) {
  return FORMULA.test(path) || NUMBER_OR_DATE.test(path) ? `./${path}` : path;
}

/** The path of an image as somebody's table writes it: changed only where it would run. */
function imageCell(path) {
  return FORMULA.test(path) ? pathCell(path) : path;
}

/** Other text as a cell: with an apostrophe before it where it would become a formula. */
function textCell(text) {
  return FORMULA.test(text) ? `'${text}` : text;
}

/** The text of which `textCell` made a cell. */
function textOfCell(cell) {
  return cell[0] === "'" && FORMULA.test(cell.slice(1)) ? cell.slice(1) : cell;
}

/** Rows of cells as CSV: UTF-8 with a byte order mark, so that Excel shows every letter right. */
function writeCsv(rows) {
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replace(/"/g, '""')}"` : cell);
  return `\ufeff${rows.map((row) => row.map((cell) => quoted(String(cell))).join(",")).join("\r\n")}\r\n`;
}

/** CSV as objects by the names of its columns; also one that a spreadsheet has separated by semicolons or tabs. */
function readCsv(text) {
  const plain = text.replace(/^\ufeff/, "");
  const head = plain.slice(0, plain.search(/[\r\n]|$/));
  const apart = [",", ";", "\t"].reduce((best, one) => (head.split(one).length > head.split(best).length ? one : best));
  const [names, ...rows] = cellsOf(plain, apart);
  return rows.filter((row) => row.some(Boolean)).map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] || ""])));
}

/** The cells of each line; a quoted one may hold the sign between cells, quotes and lines. */
function cellsOf(text, apart) {
  const rows = [[]];
  const pattern = new RegExp(`(?:"((?:[^"]|"")*)"|([^${apart}\\r\\n"]*))(${apart}|\\r?\\n|\\r|$)`, "y");
  for (let found = pattern.exec(text); found && pattern.lastIndex <= text.length; found = pattern.exec(text)) {
    rows[rows.length - 1].push(found[1] === undefined ? found[2] : found[1].replace(/""/g, '"'));
    if (found[3] === "" || pattern.lastIndex === text.length) break;
    if (found[3] !== apart) rows.push([]);
  }
  return rows;
}
