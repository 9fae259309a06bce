// Readings as a table that the next training and `echocare evaluate` read, and back.

const KEYS = ["sop_instance_uid", "series_instance_uid", "study_instance_uid"];
const ORIGINAL = "original_";

/** All readings as rows of cells, the names of the columns first. */
function tableOfCorrections(data, corrections) {
  const readings = readingsIn(data, corrections);
  const values = unique(readings.flatMap(({ bundle }) => columnsOf(bundle)));
  const names = ["image", "frame", "group", "split", ...values, "judgement", "comment", "corrected_at", "source", "level",
    "study", ...KEYS, "bundle", "bundle_version", "weights_sha256", ...values.map((name) => ORIGINAL + name)];
  return [names, ...readings.map((one) => names.map((name) => cellOf(name, one)))];
}

/** The readings in the order of the page, each with its case, row and bundle. */
function readingsIn(data, corrections) {
  return data.cases.flatMap((found) => {
    const bundle = data.bundles[found.bundle];
    return found.rows.map((row) => ({ found, row, bundle, reading: corrections.all.get(aboutOf(found, row, bundle)) }));
  }).filter((one) => one.reading);
}

/** The columns of a bundle that a reader may correct. */
function columnsOf(bundle) {
  return [...bundle.questions, ...bundle.columns].map((one) => one.column);
}

/** A list in which each stands once. */
function unique(values) {
  return Array.from(new Set(values));
}

/** One cell of the table. */
function cellOf(name, { found, row, bundle, reading }) {
  const keys = found.keys || {};
  const folder = found.source.includes("/") ? found.source.slice(0, found.source.lastIndexOf("/")) : ".";
  const fixed = {
    image: imageCell(keys.image || pathCell(found.source)),
    frame: row.frame === undefined ? "" : row.frame,
    group: textCell(keys.group || keys.study_instance_uid || folder),
    split: "train",
    judgement: reading.judgement,
    comment: textCell(reading.comment.replace(/\s*\n\s*/g, " ")),
    corrected_at: reading.at,
    source: pathCell(found.source),
    level: row.level || "frame",
    study: found.study || "",
    bundle: textCell(bundle.name),
    bundle_version: bundle.version,
    weights_sha256: bundle.weights,
  };
  if (name in fixed) return fixed[name];
  if (KEYS.includes(name)) return keys[name] || "";
  if (name.startsWith(ORIGINAL)) return originalOf(name.slice(ORIGINAL.length), row, bundle);
  return reading.values[name] || (reading.judgement === "right" ? originalOf(name, row, bundle) : "");
}

/** What the bundle says in a column of a row; "" where it says nothing. */
function originalOf(name, row, bundle) {
  const column = bundle.columns.findIndex((one) => one.column === name);
  if (column >= 0) return row.values && isNumber(row.values[column]) ? String(row.values[column]) : "";
  const question = bundle.questions.findIndex((one) => one.column === name);
  return textCell((question >= 0 && row.answers && row.answers[question]) || "");
}

/** Take the readings of an earlier table; how many were taken, and how many are about nothing on this page. */
function takeTable(text, data, corrections) {
  const places = placesIn(data);
  let taken = 0;
  const rows = readCsv(text);
  for (const cells of rows) {
    const place = places.get(placeOf(cells.bundle, cells.source, cells.level, cells.frame)) || places.get(uidOf(cells));
    if (!place) continue;
    corrections.set(aboutOf(place.found, place.row, place.bundle), readingOf(cells, place));
    taken += 1;
  }
  return { taken, left: rows.length - taken };
}

/** By what a table names each row of the page. */
function placesIn(data) {
  const places = new Map();
  for (const found of data.cases) {
    const bundle = data.bundles[found.bundle];
    for (const row of found.rows) {
      const place = { found, row, bundle };
      const uid = found.keys && found.keys.sop_instance_uid;
      places.set(placeOf(bundle.name, found.source, row.level, row.frame), place);
      if (uid) places.set(uidOf({ bundle: bundle.name, level: row.level, frame: row.frame, sop_instance_uid: uid }), place);
    }
  }
  return places;
}

/** The place that a row of a table names by its path. */
function placeOf(bundle, source, level, frame) {
  const path = (source || "").replace(/^\.\//, "");
  return JSON.stringify([textOfCell(bundle || ""), path, level || "frame", frame === undefined || frame === null ? "" : String(frame)]);
}

/** The same by the UID of its object. */
function uidOf({ bundle, level, frame, sop_instance_uid: uid }) {
  return uid ? `uid ${placeOf(bundle, uid, level, frame)}` : null;
}

/** A reading of a row of a table. */
function readingOf(cells, { row, bundle }) {
  const values = {};
  for (const name of columnsOf(bundle)) {
    const value = textOfCell(cells[name] || "");
    const isConfirmed = cells.judgement === "right" && value === textOfCell(originalOf(name, row, bundle));
    if (value && !isConfirmed) values[name] = value;
  }
  return { judgement: cells.judgement || "", comment: textOfCell(cells.comment || ""), values, at: cells.corrected_at };
}
