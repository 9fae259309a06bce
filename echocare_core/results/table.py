"""The tables of a run: `results.csv`, one row per frame, and `set_aside.csv`, one row per file or frame not used.

Both are UTF-8 with a byte order mark, so that Excel shows every letter right, and decimal points.

Excel runs a cell that begins with = + - or @ as a formula and turns a file called 00000001 into the number 1. Such a
source is written as the same relative path with "./" before it ("./=x.dcm", "./00000001"): no longer a formula or a
number, still a path that opens, and `pathlib.PurePosixPath` takes the "./" away again. Other text, such as a reason,
gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from echocare_core.results.wording import split_column
from echocare_core.types import BundleCard, Prediction, SetAside

Row = Mapping[str, object]

FIRST_COLUMNS = ("bundle", "source", "frame", "frame_time_ms")
LAST_COLUMNS = ("spacing_row_mm", "spacing_column_mm", "mask", "overlay", "weights_sha256")
SET_ASIDE_COLUMNS = ("source", "frame", "reason")

_DECIMALS = {"mm": 3, "cm": 4, "mm2": 3, "cm2": 4, "px": 3, "px2": 3, "ms": 3, "ml": 3, "percent": 3, "count": 0}
_SPACING_DECIMALS = _OTHER_DECIMALS = 6  # a pixel of 0.0529167 mm over 4000 pixels must not lose a hundredth of a mm
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBER_OR_DATE = re.compile(r"[\d.,:/eE+\- ]*")


def row_of(prediction: Prediction, card: BundleCard, mask: str, overlay: str) -> dict[str, object]:
    """One row: where the frame comes from, what was measured and which weights measured it.

    Args:
        prediction: of one frame.
        card: of the bundle that made it.
        mask: path of the mask, relative to the results folder, with forward slashes.
        overlay: the same of the overlay.

    Returns:
        Column to value; a number that is unknown or not finite is None.

    Raises:
        ValueError: two measurements want the same column.
    """
    measured = {item.column: _finite(item.value) for item in prediction.measurements}
    if len(measured) < len(prediction.measurements) or measured.keys() & {*FIRST_COLUMNS, *LAST_COLUMNS}:
        raise ValueError(
            f"{card.name} measures two things in one column: {[m.column for m in prediction.measurements]}"
        )
    row_mm, column_mm = prediction.spacing_mm or (None, None)
    return {
        "bundle": card.name,
        "source": prediction.source,
        "frame": int(prediction.frame),
        "frame_time_ms": _finite(prediction.frame_time_ms),
        **measured,
        "spacing_row_mm": _finite(row_mm),
        "spacing_column_mm": _finite(column_mm),
        "mask": mask,
        "overlay": overlay,
        "weights_sha256": card.weights_sha256,
    }


def complete_rows(rows: Iterable[Row]) -> tuple[dict[str, object], ...]:
    """Give every row every column, in the order of the table; None where a row has no such number."""
    rows = list(rows)
    columns = [*FIRST_COLUMNS, *measurement_columns(rows), *LAST_COLUMNS]
    return tuple({column: row.get(column) for column in columns} for row in rows)


def measurement_columns(rows: Iterable[Row]) -> list[str]:
    """Names of the columns that hold measurements, in the order in which they first appear."""
    fixed = {*FIRST_COLUMNS, *LAST_COLUMNS}
    return list(dict.fromkeys(column for row in rows for column in row if column not in fixed))


def write_results_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write the table of the frames; only its header where there are none.

    Args:
        path: the file.
        rows: from `complete_rows`.
    """
    columns = list(rows[0]) if rows else [*FIRST_COLUMNS, *LAST_COLUMNS]
    _write(path, columns, ([_cell(column, row[column]) for column in columns] for row in rows))


def write_set_aside_csv(path: Path, set_aside: Iterable[SetAside]) -> None:
    """Write what was not used, and why; only the header where everything was used."""
    cells = ((item.source, item.frame, item.reason) for item in set_aside)
    _write(
        path, SET_ASIDE_COLUMNS, ([_cell(*pair) for pair in zip(SET_ASIDE_COLUMNS, row, strict=True)] for row in cells)
    )


def is_results_csv(path: Path) -> bool:
    """Whether a file is there and begins like a `results.csv` of this package."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().startswith(",".join(FIRST_COLUMNS))


def spreadsheet_source(source: str) -> str:
    """A source as a spreadsheet can hold it: with "./" before it where it would become a formula, number or date."""
    return f"./{source}" if _FORMULA.match(source) or _NUMBER_OR_DATE.fullmatch(source) else source


def _cell(column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_decimals(column)}f}"
    if column == "source":
        return spreadsheet_source(str(value))
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else str(value)


def _decimals(column: str) -> int:
    if column.startswith("spacing_"):
        return _SPACING_DECIMALS
    return _DECIMALS.get(split_column(column)[1], _OTHER_DECIMALS)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
