// On paper: every case that the list shows, with its pictures and numbers; or the one that is open.

const MOST_PRINTED = 3; // pictures of one cine

/** Put the pictures of the cases that are printed into their places. */
function preparePrint(data, printed) {
  document.querySelectorAll("#cases > article").forEach((article, number) => {
    const isPrinted = printed.has(number);
    article.classList.toggle("printed", isPrinted);
    if (isPrinted) article.append(printedPictures(data.cases[number]));
  });
}

/** Take them away again. */
function endPrint() {
  document.querySelectorAll(".printed-pictures").forEach((one) => one.remove());
}

/** A few pictures of a case, evenly spaced. */
function printedPictures(found) {
  const rows = found.rows.filter((row) => row.picture !== undefined);
  const step = Math.max(1, (rows.length - 1) / (MOST_PRINTED - 1));
  const chosen = rows.length <= MOST_PRINTED ? rows : Array.from({ length: MOST_PRINTED }, (_, at) => rows[Math.round(at * step)]);
  const figures = chosen.map((row) => [row, pictureOf(row.picture)]).filter(([, picture]) => picture).map(([row, picture]) =>
    make("figure", {}, drawPicture(picture, row.said || ""), makeLegend(picture), make("figcaption", {}, placeText(found, row))));
  return make("div", { class: "printed-pictures" }, ...figures);
}

/** The button that prints when all pictures are there; Ctrl-P takes the same way. `chosen` gives the set of cases. */
function setUpPrint(data, chosen) {
  const prepare = () => { endPrint(); preparePrint(data, chosen()); };
  window.addEventListener("beforeprint", prepare);
  window.addEventListener("afterprint", endPrint);
  const button = make("button", { type: "button" }, "Print");
  button.addEventListener("click", () => {
    prepare();
    const images = Array.from(document.querySelectorAll(".printed-pictures img"));
    Promise.all(images.map((image) => image.decode().catch(() => null))).then(() => window.print());
  });
  return button;
}
