"""How the tables of a run are written: `results.csv` and `set_aside.csv`, and those that kinds of output add.

All are UTF-8 with a byte order mark, so that Excel shows every letter right, and decimal points; texts are cells of
`echocare_core.spreadsheet`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from echocare_core.results.wording import split_column
from echocare_core.spreadsheet import image_cell, path_cell, text_cell
from echocare_core.types import SetAside

Row = Mapping[str, object]

FIRST_COLUMNS = ("bundle", "source", "frame", "frame_time_ms")
SET_ASIDE_COLUMNS = ("source", "frame", "image", "reason")

_DECIMALS = {
    **{"mm": 3, "cm": 4, "mm2": 3, "cm2": 4, "px": 3, "px2": 3, "px3": 1, "ms": 3, "ml": 3, "percent": 3},
    **{"count": 0, "frame": 0},
}
_SPACING_DECIMALS = _OTHER_DECIMALS = 6  # a pixel of 0.0529167 mm over 4000 pixels must not lose a hundredth of a mm


def write_table(path: Path, columns: Collection[str], rows: Iterable[Row]) -> None:
    """Write rows under the names of their columns; only the header where there are none."""
    _write(path, columns, ([cell(column, row[column]) for column in columns] for row in rows))


def write_set_aside_csv(path: Path, set_aside: Iterable[SetAside]) -> None:
    """Write what was not used, and why; only the header where everything was used.

    The path as a table writes it stands there where one names files, as in `results.csv`.
    """
    rows = [vars(item) for item in set_aside]
    columns = [name for name in SET_ASIDE_COLUMNS if name != "image" or any(row["image"] for row in rows)]
    write_table(path, columns, rows)


def is_results_csv(path: Path) -> bool:
    """Whether a file is there and begins like a `results.csv` of this package."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().startswith(",".join(FIRST_COLUMNS))


def finite(value: float | None) -> float | None:
    """A number as it stands in a row: None where it is unknown or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def cell(column: str, value: object) -> str:
    """A value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_decimals(column)}f}"
    if column == "source":
        return path_cell(str(value))
    return image_cell(str(value)) if column == "image" else str(text_cell(value))


def _decimals(column: str) -> int:
    if column.startswith("spacing_"):
        return _SPACING_DECIMALS
    return _DECIMALS.get(split_column(column)[1], _OTHER_DECIMALS)


def _write(path: Path, columns: Collection[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(text_cell, columns))
        writer.writerows(rows)
