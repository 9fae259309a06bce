"""Tables as people and spreadsheets write them, read as they are meant where that is plain, and told in one line.

What is meant stands in `echocare_core.frames.manifest`. Where a table could mean two things it is left as it is, to be
refused by whoever needs it.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from echocare_core.errors import TableError
from echocare_core.frames.faults import check_no_faults

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
WORKBOOKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # how .xlsx, a ZIP file, and .xls begin
SPLITS = {
    **{"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"},
    **{"test": "test", "testing": "test", "unlabelled": "unlabelled", "unlabeled": "unlabelled"},
}
WRITTEN = "image_in_table"  # column for the paths of images as the table has them
UNITS = ("mm", "mm2", "cm", "cm2", "ml", "px", "px2", "px3", "ms", "s", "percent", "bpm")
DECIMAL_COMMA, THOUSANDS = re.compile(r"[+-]?\d*,\d+"), re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
logger = logging.getLogger(__name__)


def parse_table(data: bytes, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The cells of a CSV as text, whatever its encoding and separator.

    Args:
        data: all of it.
        path: of the table.

    Returns:
        The rows that are not empty, by their numbers from 0, and what was read in another way than the format says.

    Raises:
        ValueError: it is no text in UTF-8 or UTF-16, or no table.
        TableError: a first line that is not the names of the columns, a quotation mark that nothing closes, two columns
            of one name, or a row with more cells than there are columns, as decimal commas between commas give.
    """
    text, notes = _decode(data)
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep="):  # which Excel writes
        text, first = rest, rest.partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    if separator != ",":
        notes.append(f"{SEPARATORS[separator]} between the cells")
    names, *lines = _split_cells(text, separator, path)
    _check_begins_with_names(names, lines, path)
    names = [name or f"Unnamed: {number}" for number, name in enumerate(names)]
    check_names(names, path)
    _check_no_surplus(lines, separator, len(names), path)
    filled = {row: cells for row, cells in enumerate(lines) if any(cell.strip() for cell in cells)}
    cells = [[*cells, *[""] * len(names)][: len(names)] for cells in filled.values()]
    return pd.DataFrame(cells, index=pd.Index(filled, dtype=int), columns=names, dtype=str), notes


def _split_cells(text: str, separator: str, path: Path) -> list[list[str]]:
    """The cells of all lines that are not blank; ValueError where there is none."""
    records = [cells for cells in _read_records(text, separator, path) if len(cells) > 1 or "".join(cells).strip()]
    if not records:
        raise ValueError("it is empty")
    return records


def _read_records(text: str, separator: str, path: Path) -> Iterator[list[str]]:
    """The cells of each row, of which one in quotes may go on over several lines.

    Python's reader takes whatever lies between two quotation marks for one cell, and all that is left behind a last
    one. So a row of several lines, and the last one, have to be right by its strict rules.

    Raises:
        TableError: such a row is not, for a quotation mark in it is closed nowhere, or in the middle of a cell.
    """
    lines = io.StringIO(text, newline="").readlines()
    reader, begun, row = csv.reader(lines, delimiter=separator), 0, 0
    while begun < len(lines):
        try:
            cells = next(reader)
            if reader.line_num > begun + 1 or reader.line_num == len(lines):
                list(csv.reader(lines[begun : reader.line_num], delimiter=separator, strict=True))
        except csv.Error as fault:
            where = f"row {row}" if row else "the line of the names of its columns"
            raise TableError(
                f"{path} opens a quotation mark in {where} that nothing closes ({fault}); needed two around a cell, or "
                f"none. Correct the row, counted from 1 below the names of the columns."
            ) from fault
        row += len(cells) > 1 or bool("".join(cells).strip())
        begun = reader.line_num
        yield cells


def check_names(names: Sequence[str], path: Path) -> None:
    """TableError where two columns of the table read from `path` have one name."""
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise TableError(f"{path} has more than one column {twice[0]}; needed one. Rename or remove the others.")


def _check_begins_with_names(names: Sequence[str], lines: Sequence[Sequence[str]], path: Path) -> None:
    """TableError where the first line is a title or a remark: one cell alone above a line of several.

    A table of the column `image` alone, whose paths may hold any sign, begins with that name.
    """
    below = [cell for cell in lines[0] if cell.strip()] if lines else []
    several = len(below) > 1 or any(sign in cell for cell in below for sign in SEPARATORS)
    if names[0].strip() and not any(name.strip() for name in names[1:]) and several and _plain(names[0]) != "image":
        raise TableError(
            f"{path} begins with a line that is not the names of the columns; needed these, such as image,group,split. "
            "Remove what stands above them."
        )


def _check_no_surplus(rows: Sequence[Sequence[str]], separator: str, columns: int, path: Path) -> None:
    """TableError where a row has cells beyond the columns; empty ones are no loss."""
    faults = [
        f"row {number} has {len(cells)} cells for {columns} columns"
        for number, cells in enumerate(rows, start=1)
        if any(cell.strip() for cell in cells[columns:])
    ]
    instead = ", or separate all cells by semicolons" if separator == "," else ""
    todo = f"Put each cell that holds one of the {SEPARATORS[separator]} into quotes{instead}."
    check_no_faults(f"{path} has", faults, f"{todo} Rows are counted from 1 below the names of the columns.")


def _decode(data: bytes) -> tuple[str, list[str]]:
    if data.startswith(WORKBOOKS):
        raise ValueError("it is a workbook of Excel, or a ZIP file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _text(data, "utf-16"), ["UTF-16"]
    if b"\0" in data[:2]:
        return _text(data, "utf-16-be" if data[0] == 0 else "utf-16-le"), ["UTF-16"]
    if b"\0" in data:
        raise ValueError("it holds zero bytes, which no text has")
    return _text(data, "utf-8-sig"), []


def _text(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as fault:
        line = data[: fault.start].decode(encoding, "ignore").count("\n") + 1
        raise ValueError(
            f"line {line} has a letter in another encoding, such as an umlaut as Excel writes it for Windows alone"
        ) from fault


def normalise(rows: pd.DataFrame, known: Sequence[str], files: Sequence[str], path: Path) -> list[str]:
    """Give names, splits, numbers and paths the form of the format, in place.

    Args:
        rows: cells as text.
        known: names of columns that are asked for; others keep theirs.
        files: those of them that name files.
        path: of the table.

    Returns:
        What was changed, a few words each.

    Raises:
        TableError: two columns could be meant by one name.
    """
    notes = list(_name_columns(rows, known, path))
    if "image" in rows:
        rows[WRITTEN] = rows["image"]
    notes += [*_strip_cells(rows, files, path), *_turn_slashes(rows, files, path)]
    return [*notes, *_point_decimals(rows), *(_name_splits(rows) if "split" in rows else ())]


def _name_columns(rows: pd.DataFrame, known: Sequence[str], path: Path) -> Iterator[str]:
    wanted = {_plain(name): name for name in known}
    meant = [(column, wanted[_plain(column)]) for column in map(str, rows.columns) if _plain(column) in wanted]
    for _, name in meant:
        if sum(other == name for _, other in meant) > 1:
            raise TableError(f"{path} has more than one column that could be {name}; needed one. Rename the others.")
    named = {column: name for column, name in meant if column != name}
    rows.columns = pd.Index([named.get(column, column) for column in rows.columns])
    if named:
        yield f"{', '.join(named.values())} for {', '.join(repr(str(column)) for column in named)}"


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip()).casefold()


def _strip_cells(rows: pd.DataFrame, files: Sequence[str], path: Path) -> Iterator[str]:
    """Leave out blanks around cells, but those of a file that is really called so."""
    padded = 0
    for column in rows.columns.drop(WRITTEN, errors="ignore"):
        cells = rows[column].str.strip()
        changed = rows.index[cells != rows[column]]
        if column in files:
            changed = [row for row in changed if not os.path.isfile(path.parent / rows.at[row, column])]
        rows.loc[changed, column] = cells[changed]
        padded += len(changed)
    if padded:
        yield "blanks around cells left out"


def _turn_slashes(rows: pd.DataFrame, files: Sequence[str], path: Path) -> Iterator[str]:
    """Read backslashes in paths as slashes, where there is no file that has them in its name."""
    turned = 0
    for column in (name for name in files if name in rows):
        for row in rows.index[rows[column].str.contains("\\", regex=False)]:
            cell = rows.at[row, column]
            if not os.path.isfile(path.parent / cell):
                rows.at[row, column] = cell.replace("\\", "/")
                turned += 1
    if turned:
        yield "backslashes in paths as slashes"


def _point_decimals(rows: pd.DataFrame) -> Iterator[str]:
    """Read decimal commas in columns of numbers; 1,234 alone could be a thousand, and is left."""
    for column in (name for name in rows.columns if _is_number(str(name))):
        cells = rows.loc[rows[column].str.contains(",", regex=False), column]
        if all(map(DECIMAL_COMMA.fullmatch, cells)) and not all(map(THOUSANDS.fullmatch, cells)):
            rows.loc[cells.index, column] = cells.str.replace(",", ".", regex=False)
            yield f"decimal commas in {column}"


def _is_number(column: str) -> bool:
    return column == "weight" or column.rpartition("_")[2] in UNITS


def _name_splits(rows: pd.DataFrame) -> Iterator[str]:
    written = list(dict.fromkeys(rows["split"]))
    meant = {name: SPLITS.get(name.casefold(), name) for name in written}
    aliases = {name for name in written if name.casefold() != meant[name]}
    for name in sorted(aliases):
        if any(meant[other] == meant[name] for other in written if other not in aliases):
            meant[name] = name
            yield f"split {name!r} left alone beside {SPLITS[name.casefold()]}"
    changed = {name: to for name, to in meant.items() if name != to}
    if changed:
        rows["split"] = rows["split"].map(meant)
        yield ", ".join(f"split {to} for {name!r}" for name, to in changed.items())


@cache
def say_reading(path: Path, notes: tuple[str, ...]) -> None:
    """Say in one line how a table was read, once for each table."""
    logger.warning("%s is read with %s.", path, ", ".join(notes))
