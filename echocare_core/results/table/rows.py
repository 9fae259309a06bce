"""The rows of `results.csv`, and of the tables that kinds of output add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from echocare_core.errors import BundleError
from echocare_core.result_files import RESULTS_CSV
from echocare_core.results.table.cells import FIRST_COLUMNS, Row, finite, write_table
from echocare_core.results.table.kinds import KINDS, Listed
from echocare_core.results.table.parquet import write_parquet
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import BundleCard, Details, JoinKeys, Output, Prediction

LEVEL_COLUMNS = ("level", "study")  # only where some row is not about a frame
KEY_COLUMNS = tuple(field.name for field in fields(JoinKeys))  # only where some row has one
WHOSE = {  # of the tables of kinds
    **{"bundle": str, "source": str, "frame": int, "level": str, "study": int},
    **dict.fromkeys(KEY_COLUMNS, str),
}
SPACING_COLUMNS = ("spacing_row_mm", "spacing_column_mm")
NOTES = "notes"  # only where there is one: what a reader must know of how a file was read
DOUBTS = "doubts"  # only where there is one: what speaks against the numbers
FILE_COLUMNS, FILE = ("mask", "overlay"), "_file"  # those of other kinds end so
LAST_COLUMNS = ("weights_sha256",)
_FILE_COLUMN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_ -]*")  # part of a path
_VALUE_COLUMN = re.compile(r"[^\W_][\w /%.,()<>-]*")  # a header in any program, with units such as cm/s
_FIXED = {*FIRST_COLUMNS, *LEVEL_COLUMNS, *KEY_COLUMNS, *SPACING_COLUMNS, NOTES, DOUBTS, *FILE_COLUMNS, *LAST_COLUMNS}


def check_outputs(prediction: Prediction, card: BundleCard) -> None:
    """Raise BundleError where an output of a bundle cannot be what its bundle means."""
    image_px = None if prediction.image is None else prediction.image.shape[:2]
    for output in prediction.outputs:
        if type(output) not in KINDS:
            known = ", ".join(kind.__name__ for kind in KINDS)
            raise BundleError(f"{card.name} gave {type(output).__name__}; needed one of {known}. Correct its outputs.")
        fault = KINDS[type(output)].fault(output, image_px)
        if fault:
            raise BundleError(f"{card.name} gave wrong {type(output).__name__}: {fault}. Correct its postprocessing.")


def row_of(prediction: Prediction, card: BundleCard, place: Place) -> dict[str, object]:
    """Write the files of a prediction and make its row: where it comes from, what it says, which weights said it.

    Args:
        prediction: of one frame, cine or study.
        card: of the bundle that made it.
        place: of its files.

    Returns:
        Column to value; a number that is unknown or not finite is None.

    Raises:
        BundleError: two outputs want the same column, or one a column that cannot be.
    """
    written = [KINDS[type(output)].write(output, place) for output in prediction.outputs]
    _check_columns(written, prediction.outputs, card)
    row_mm, column_mm = prediction.spacing_mm or (None, None)
    files = {column: path for one in written for column, path in one.files.items()}
    return {
        "bundle": card.name,
        "source": prediction.source,
        "frame": prediction.frame,
        "frame_time_ms": finite(prediction.frame_time_ms),
        "level": prediction.level,
        "study": prediction.study,
        **{column: key for column, key in vars(prediction.keys).items() if key},
        **{column: value for one in written for column, value in one.values.items()},
        "spacing_row_mm": finite(row_mm),
        "spacing_column_mm": finite(column_mm),
        **({NOTES: " ".join(prediction.notes)} if prediction.notes else {}),
        **files,
        "weights_sha256": card.weights_sha256,
    }


def _check_columns(written: Sequence[Entries], outputs: Sequence[Output], card: BundleCard) -> None:
    taken = dict.fromkeys(_FIXED - {"mask"}, "every row")
    for entries, output in zip(written, outputs, strict=True):
        kind = type(output).__name__
        for column in (*entries.values, *entries.files):
            fault = _column_fault(column, column in entries.files, taken)
            if fault:
                raise BundleError(f"{card.name} gave {kind} the column {column}, {fault}.")
            taken[column] = f"a {kind} before it"


def _column_fault(column: str, of_files: bool, taken: Mapping[str, str]) -> str | None:
    if not (_FILE_COLUMN if of_files else _VALUE_COLUMN).fullmatch(column):
        return "which is no name; needed letters, digits, blanks, _ and -, first a letter or digit. Name the output so"
    if not of_files and (column in FILE_COLUMNS or column.endswith(FILE)):
        return "which names files; needed another name for a value. Rename the output"
    if column in taken:
        return f"which {taken[column]} has; needed a column for each. Name its outputs apart"
    return None


def complete_rows(rows: Iterable[Row]) -> tuple[dict[str, object], ...]:
    """Give every row every column, in the order of the table; None where a row has no such value.

    Columns of files, keys, doubts and notes stand there where a row has one, those of levels where a row is not about
    a frame.
    """
    rows = [{"level": "frame", **row} for row in rows]
    levels = LEVEL_COLUMNS if any(row["level"] != "frame" for row in rows) else ()
    keys = [column for column in KEY_COLUMNS if any(column in row for row in rows)]
    notes = [column for column in (DOUBTS, NOTES) if any(column in row for row in rows)]
    measured = [*_values(rows), *SPACING_COLUMNS]
    columns = [*FIRST_COLUMNS, *levels, *keys, *measured, *notes, *file_columns(rows), *LAST_COLUMNS]
    return tuple({column: row.get(column) for column in columns} for row in rows)


def _values(rows: Iterable[Row]) -> list[str]:
    """Columns of what was found, in the order in which they first appear."""
    return list(dict.fromkeys(column for row in rows for column in row if not _is_fixed(column)))


def _is_fixed(column: str) -> bool:
    return column in _FIXED or column.endswith(FILE)


def file_columns(rows: Iterable[Row]) -> list[str]:
    """Columns of files, relative to the results folder: mask and overlay, then those of other kinds."""
    found = dict.fromkeys(column for row in rows for column in row)
    return [*(column for column in FILE_COLUMNS if column in found), *(one for one in found if one.endswith(FILE))]


def write_results_csv(folder: Path, rows: Sequence[Row]) -> None:
    """Write `results.csv`; only its header where there are no rows.

    Args:
        folder: where it will stand.
        rows: from `complete_rows`.
    """
    columns = list(rows[0]) if rows else [*FIRST_COLUMNS, *SPACING_COLUMNS, *LAST_COLUMNS]
    write_table(folder / RESULTS_CSV, columns, rows)


def write_listed(folder: Path, rows: Sequence[Row], details: Sequence[Details], table_format: str) -> tuple[str, ...]:
    """Write the tables of those kinds that have one of their own, where such an output was given.

    Args:
        folder: where they will stand.
        rows: from `complete_rows`.
        details: of each row.
        table_format: one of `TABLE_FORMATS`.

    Returns:
        Names of the tables that were written.

    Raises:
        OutputError: Parquet without pyarrow.
        BundleError: outputs of a kind that fit no common columns.
    """
    write, names = write_parquet if table_format == "parquet" else write_table, []
    for kind, (_, _, listed) in KINDS.items():
        found = [
            (row, output)
            for row, one in zip(rows, details, strict=True)
            for output in one.outputs
            if isinstance(output, kind)
        ]
        if listed is not None and found:
            whose = {column: kind for column, kind in WHOSE.items() if column in rows[0]}
            columns = listed.columns([output for _, output in found])
            names.append(f"{listed.name}.{table_format}")
            write(folder / names[-1], {**whose, **columns}, _listed(listed, whose, columns, found))
    return tuple(names)


def _listed(
    listed: Listed, whose: Iterable[str], columns: Iterable[str], found: Iterable[tuple[Row, Output]]
) -> Iterator[Row]:
    for row, output in found:
        for cells in listed.rows(output):
            yield {**{column: row[column] for column in whose}, **dict(zip(columns, cells, strict=True))}
