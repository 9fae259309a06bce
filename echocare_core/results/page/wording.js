// Numbers as a person reads them: the same words as under the overlays (`results/wording.py`).

const UNIT_SYMBOLS = { mm2: "mm²", cm2: "cm²", px2: "px²", px3: "px³", percent: "%", count: "" };
const WHOLE_FROM = { mm2: 100, cm2: 100, px2: 0, px3: 0, px: 0, count: 0, frame: 0 };
const ONE_DECIMAL = ["mm", "cm", "ml", "ms", "mm2", "cm2", "percent"];

/** The sign of a unit: "mm2" is "mm²". */
function unitSymbol(unit) {
  return unit in UNIT_SYMBOLS ? UNIT_SYMBOLS[unit] : unit;
}

/** A number with as many digits as a ruler on the picture would give. */
function numberText(value, unit) {
  const wholeFrom = unit in WHOLE_FROM ? WHOLE_FROM[unit] : ONE_DECIMAL.includes(unit) ? Infinity : 100;
  if (Math.abs(value) >= wholeFrom) return value.toFixed(0);
  return ONE_DECIMAL.includes(unit) ? value.toFixed(1) : String(Number(value.toPrecision(3)));
}

/** The same with its unit: "123 mm²". */
function valueText(value, unit) {
  return `${numberText(value, unit)} ${unitSymbol(unit)}`.trim();
}

/** A name in plain words: "lesion_area" is "lesion area". */
function nameText(name) {
  return name.replace(/_/g, " ").trim();
}

/** What a row is about: "frame 3, 120 ms", "the whole cine"; nothing for the one picture of a file. */
function placeText(found, row) {
  if (row.level) return `the whole ${row.level}`;
  if (found.still) return "";
  return `frame ${row.frame}${row.ms === undefined ? "" : `, ${row.ms.toFixed(0)} ms`}`;
}
