// The pictures of the page: the recorded frame, and over it, as lines that can be taken away, what was found.

/** A picture of the page by its number; null where there is none, or it has not been read yet. */
function pictureOf(number) {
  return number === undefined ? null : dataIn(`picture-${number}`);
}

/** A picture with its marks as one element, as large as its place. `said` is what it shows, in words. */
function drawPicture(picture, said) {
  const image = make("img", { src: picture.src, width: picture.w, height: picture.h, alt: said, draggable: "false", decoding: "sync" });
  const place = make("div", { class: "picture" }, image, drawMarks(picture));
  place.style.aspectRatio = `${picture.w} / ${picture.h}`;
  return place;
}

/** The marks over a picture. */
function drawMarks(picture) {
  const [width, height] = picture.size;
  const marks = makeSvg("svg", { class: "marks", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const mark of picture.marks) marks.append(...(mark.d ? drawLines(mark) : mark.t ? drawWord(mark) : drawShade(mark)));
  return marks;
}

/** Lines with a dark rim, so that they show on bright tissue. */
function drawLines(mark) {
  const kind = mark.thin ? "thin" : "thick";
  return [
    makeSvg("path", { d: mark.d, class: `rim ${kind}`, "vector-effect": "non-scaling-stroke" }),
    makeSvg("path", {
      d: mark.d, class: kind, stroke: mark.c, fill: mark.f ? mark.c : "none", "fill-opacity": mark.f || null,
      "fill-rule": "evenodd", "vector-effect": "non-scaling-stroke",
    }),
  ];
}

/** A few letters, legible at the size of the picture. */
function drawWord(mark) {
  const about = { x: mark.x, y: mark.y, "text-anchor": mark.a, "font-size": 0.65 * mark.h };
  const word = makeSvg("text", about, mark.t);
  word.style.fill = mark.c;
  return [word];
}

/** What is too ragged for lines. */
function drawShade(mark) {
  return [makeSvg("image", { href: mark.src, x: mark.x, y: mark.y, width: mark.w, height: mark.h, preserveAspectRatio: "none" })];
}

/** Put small pictures before the rows of lists, when they are shown and have been read. */
function drawThumbs(rows) {
  for (const row of rows) {
    const place = row.querySelector(".thumb");
    const picture = place && !place.firstChild ? pictureOf(row.dataset.picture) : null;
    if (picture) place.append(drawPicture(picture, ""));
  }
}
