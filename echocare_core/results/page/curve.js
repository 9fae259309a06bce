// A measurement over the frames of a cine, with a line where the picture is, and marks at the frames that the cine's row names.

const CURVE = { width: 340, height: 116, left: 36, right: 6, top: 16, bottom: 18 };

/** A curve of one column over the rows of a cine; null where fewer than three of them have a number. */
function makeCurve(cine, column, number, marked, goTo) {
  const { rows, times } = cine;
  const points = rows.map((row, at) => [times[at], row.values ? row.values[number] : null, at]).filter(([, value]) => isNumber(value));
  if (points.length < 3) return null;
  const x = scaleOf(times[0], times[times.length - 1], CURVE.left, CURVE.width - CURVE.right);
  const values = points.map(([, value]) => value);
  const y = scaleOf(Math.min(...values), Math.max(...values), CURVE.height - CURVE.bottom, CURVE.top);
  const drawing = makeSvg("svg", {
    viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img",
    "aria-label": `${column.name} over ${points.length} frames: ${curveText(points, column)}`,
  });
  const cursor = makeSvg("path", { class: "cursor", d: `M0 ${CURVE.top}V${CURVE.height - CURVE.bottom}` });
  const dot = makeSvg("circle", { class: "dot", r: 4 });
  drawing.append(...axesOf(x, y, column, endsOf(cine)), ...marked.map((one) => markOf(one, x(times[one.at]))),
    makeSvg("path", { class: "line", d: pathOf(points, x, y) }), cursor, dot);
  drawing.addEventListener("click", (event) => goTo(nearest(drawing, event, points, x)));
  const title = make("figcaption", {}, titleOf(column));
  return { element: make("figure", { class: "curve" }, title, drawing), move: (at) => moveTo(at, rows, times, number, x, y, cursor, dot) };
}

/** Whether there is a number. */
function isNumber(value) {
  return value !== null && value !== undefined;
}

/** The name of a column with its unit. */
function titleOf(column) {
  const symbol = unitSymbol(column.unit);
  return symbol ? `${column.name} (${symbol})` : column.name;
}

/** From where to where a curve goes, in words. */
function curveText(points, column) {
  const values = points.map(([, value]) => value);
  return `${numberText(Math.min(...values), column.unit)} to ${valueText(Math.max(...values), column.unit)}`;
}

/** Where numbers lie along an axis. */
function scaleOf(low, high, start, end) {
  const reach = high - low || 1;
  const at = (value) => start + ((end - start) * (value - low)) / reach;
  return Object.assign(at, { low, high });
}

/** The curve as a path; it is broken where frames between have no number. */
function pathOf(points, x, y) {
  let last = -2;
  return points.map(([time, value, at]) => {
    const sign = at === last + 1 ? "L" : "M";
    last = at;
    return `${sign}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
  }).join("");
}

/** Frames that the row of a cine names, such as the end of diastole: their names and places among the rows. */
function namedFrames(rows, all, columns) {
  const whole = all.find((row) => row.level === "cine" && row.values);
  if (!whole) return [];
  return columns
    .map((column, number) => ({ name: column.name, frame: column.unit === "frame" ? whole.values[number] : null }))
    .map((one) => ({ ...one, at: rows.findIndex((row) => isNumber(one.frame) && row.frame === one.frame) }))
    .filter((one) => one.at >= 0);
}

/** A mark at such a frame, with the first letters of its name. */
function markOf(one, place) {
  const letters = one.name.split(" ").map((word) => word[0].toUpperCase()).join("");
  const line = makeSvg("path", { class: "named", d: `M${place.toFixed(1)} ${CURVE.top}V${CURVE.height - CURVE.bottom}` });
  return makeSvg("g", {}, makeSvg("title", {}, one.name), line, makeSvg("text", { class: "middle", x: place.toFixed(1), y: CURVE.top - 2 }, letters));
}

/** Where the first frame and the last one are: in time, or, where that is not known, their numbers. */
function endsOf(cine) {
  const ends = [0, cine.rows.length - 1];
  return ends.map((at) => (cine.isTimed ? `${cine.times[at].toFixed(0)} ms` : `frame ${cine.rows[at].frame}`));
}

/** Both axes with their ends. */
function axesOf(x, y, column, ends) {
  const floor = CURVE.height - CURVE.bottom;
  const text = (about, words) => makeSvg("text", about, words);
  return [
    makeSvg("path", { class: "axis", d: `M${CURVE.left} ${CURVE.top}V${floor}H${CURVE.width - CURVE.right}` }),
    text({ class: "end", x: CURVE.left - 5, y: y(y.high) + 4 }, numberText(y.high, column.unit)),
    text({ class: "end", x: CURVE.left - 5, y: y(y.low) }, numberText(y.low, column.unit)),
    text({ x: CURVE.left, y: CURVE.height - 5 }, ends[0]),
    text({ class: "end", x: CURVE.width - CURVE.right, y: CURVE.height - 5 }, ends[1]),
  ];
}

/** Put the line and the dot where the picture is. */
function moveTo(at, rows, times, number, x, y, cursor, dot) {
  const value = rows[at].values ? rows[at].values[number] : null;
  cursor.setAttribute("transform", `translate(${x(times[at]).toFixed(1)} 0)`);
  dot.setAttribute("visibility", isNumber(value) ? "visible" : "hidden");
  if (isNumber(value)) {
    dot.setAttribute("cx", x(times[at]).toFixed(1));
    dot.setAttribute("cy", y(value).toFixed(1));
  }
}

/** The row whose point is nearest to a click. */
function nearest(drawing, event, points, x) {
  const box = drawing.getBoundingClientRect();
  const place = ((event.clientX - box.left) / box.width) * CURVE.width;
  return points.reduce((best, one) => (Math.abs(x(one[0]) - place) < Math.abs(x(best[0]) - place) ? one : best))[2];
}
