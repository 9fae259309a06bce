"""The table of copies: what became of each file, written row by row, so that a run that was stopped goes on."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from echocare_core.atomic import replacing
from echocare_core.errors import OutputError
from echocare_core.lock import LOCK_FILE

TABLE, NOTE = "deidentified.csv", "deidentified.json"
NOT_WRITTEN = "Cannot be written"  # how the reason begins of a file that is tried again


@dataclass(frozen=True)
class Row:
    """What became of one file; no name, number or date of the file is in it, nor its path.

    Attributes:
        file: its place in the export, from 1, all paths sorted.
        source: what its path became under the key; `trace` leads it back.
        copy: path in the folder of copies, "" where it was set aside.
        frames: how many it has.
        form: how its pixels are written, see `copy.Written`.
        frames_changed: how many frames have other pixels than before.
        blanked_percent: share of the picture that is black now and held something, or nothing, before.
        text_lines: lines of text that were found inside the scan sector, once for each frame where they move.
        attributes_removed: how many attributes, in sequences too, are not in the copy.
        set_aside: why there is no copy, "" where there is one.
    """

    file: int
    source: str
    copy: str = ""
    frames: int = 0
    form: str = ""
    frames_changed: int = 0
    blanked_percent: float = 0.0
    text_lines: int = 0
    attributes_removed: int = 0
    set_aside: str = ""


def claim(out: Path, settings: dict[str, object]) -> list[Row]:
    """Note the settings in a new folder, or find that an earlier run had the same; the rows it wrote.

    A row that was cut off when that run was stopped, or of a copy that could not be written, is dropped from the table,
    and its file copied again.

    Raises:
        OutputError: the folder holds other files, or copies that were made otherwise.
        OSError: it cannot be read or written.
    """
    note, table = out / NOTE, out / TABLE
    text = json.dumps(settings, indent=1) + "\n"
    if not note.exists():
        if any(path.name != LOCK_FILE for path in out.iterdir()):
            raise OutputError(
                "The folder of copies holds other files; needed a new or empty one. Choose another folder."
            )
        with replacing(note) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    if note.read_text(encoding="utf-8") != text:
        raise OutputError(
            "The folder holds copies made with another key or other settings; needed the same call as before. Choose "
            "another folder."
        )
    rows = [row for row in read_rows(table) if not row.set_aside.startswith(NOT_WRITTEN)]
    with replacing(table) as unfinished:
        header = line_of([field.name for field in fields(Row)])
        unfinished.write_text(header + "".join(map(line_of_row, rows)), encoding="utf-8", newline="")
    return rows


def read_rows(table: Path) -> list[Row]:
    """The whole rows of a table; none where it is missing."""
    text = table.read_text(encoding="utf-8") if table.exists() else ""
    kinds = {"int": int, "float": float, "str": str}
    return [
        Row(**{field.name: kinds[str(field.type)](cells[field.name]) for field in fields(Row)})
        for cells in csv.DictReader(io.StringIO(text.rpartition("\n")[0]))
    ]


def line_of_row(row: Row) -> str:
    """A row as it stands in the table."""
    return line_of(list(asdict(row).values()))


def line_of(cells: list[object] | list[str]) -> str:
    """Cells as one line of CSV."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(cells)
    return file.getvalue()
