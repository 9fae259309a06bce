// The legend below a picture: what each colour and form on it stands for.

const FORMS = {
  outline: "M4 8C4 4 8 2 12 3S20 5 20 9 15 14 10 13 4 12 4 8Z",
  box: "M4 3H20V13H4Z",
  point: "M12 2V6M12 10V14M6 8H10M14 8H18",
  line: "M4 4V12M20 4V12M4 8H20",
  ring: "M3 8A9 5 0 1 0 21 8A9 5 0 1 0 3 8Z",
  shade: "M2 2H22V14H2Z",
};

/** The legend of a picture as a list; null where nothing is drawn on it, or it was made before there were legends. */
function makeLegend(picture) {
  const keys = picture.legend || [];
  if (!keys.length) return null;
  return make("ul", { class: "legend", "aria-label": "Drawn on the picture" }, ...keys.map((key) => make("li", {}, drawSign(key), key.t)));
}

/** The form of a mark in its colour, on dark ground as in the picture. */
function drawSign(key) {
  const isThin = key.sign === "line" || key.sign === "ring";
  const filled = { outline: 0.2, shade: 0.5 }[key.sign];
  return makeSvg("svg", { viewBox: "0 0 24 16", "aria-hidden": "true" },
    makeSvg("rect", { width: 24, height: 16, rx: 2, class: "tissue" }),
    makeSvg("path", {
      d: FORMS[key.sign], stroke: key.sign === "shade" ? "none" : key.c, "stroke-width": isThin ? 1.4 : 2.2,
      fill: filled ? key.c : "none", "fill-opacity": filled || null,
    }));
}
