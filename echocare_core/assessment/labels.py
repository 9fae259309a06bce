"""The table of labels: what its columns mean, and by what its rows join results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from echocare_core.errors import SettingsError, TableError
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.manifest import read_csv, read_frame_number

# By what a row joins, from the narrowest on, and how people call the column; letters and digits alone count.
KEYS: Mapping[str, tuple[str, ...]] = {
    "image": ("image", "path", "file", "filename", "filepath", "source", "dicom", "imagefile"),
    "sop_instance_uid": ("sopinstanceuid", "instanceuid", "sopuid", "objectuid", "imageuid"),
    "series_instance_uid": ("seriesinstanceuid", "seriesuid"),
    "study_instance_uid": ("studyinstanceuid", "studyuid"),
    "accession": ("accession", "accessionnumber", "accessionno", "accessionid", "examid"),
    "patient": ("patient", "patientid", "pid", "mrn", "patientnumber", "subject", "subjectid"),
}
OTHERS: Mapping[str, tuple[str, ...]] = {
    "frame": ("frame", "framenumber"),
    "group": ("group",),
    "mask": ("mask", "maskfile", "segmentation"),
    "split": ("split",),
}
LEVELS = {  # of what a label speaks, by what it joins
    **{"image": "image", "sop_instance_uid": "image", "series_instance_uid": "series", "study_instance_uid": "study"},
    **{"accession": "study", "patient": "patient"},
}
NOT_LABELS = (*KEYS, "frame", "group", "split", "pixel_mm", "image_in_table")
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


@dataclass(frozen=True)
class Labels:
    """A table of labels.

    Attributes:
        path: of the table.
        rows: cells as text, "" where empty; columns under the names of `KEYS` and `OTHERS`, others as they are written.
        keys: those of `KEYS` that it has, and that may be used.
    """

    path: Path
    rows: pd.DataFrame
    keys: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that may hold labels."""
        return tuple(column for column in self.rows.columns if column not in NOT_LABELS)


def read_labels(table: str | Path, *, by: str | None = None, renamed: Mapping[str, str] | None = None) -> Labels:
    """Read a table of labels.

    Args:
        table: CSV (commas, semicolons or tabs) or Parquet, spelt as `echocare_core.frames.spelling` forgives.
        by: column of `KEYS` that joins it; None where that is to be found.
        renamed: name of an output -> column of the table that holds its labels, where they are called differently.

    Raises:
        TableError: no such table, or one without a column that joins.
        SettingsError: `by` is none of `KEYS`.
    """
    if by is not None and by not in KEYS:
        raise SettingsError(f"Labels cannot be joined by '{by}'; needed one of {', '.join(KEYS)}. Name one of them.")
    path = Path(table)
    if not path.is_file():
        raise TableError(f"No table of labels at {path}; needed a CSV with a row for each label. Check the path.")
    if path.suffix.lower() not in SUFFIXES:
        raise TableError(f"{path.name} is no table that can be read; needed CSV or Parquet. Save it as 'CSV UTF-8'.")
    rows = read_csv(path, ("image", "mask", "frame", "group", "split", "pixel_mm")).drop(
        columns="image_in_table", errors="ignore"
    )
    rows = _renamed(rows, renamed or {}, path)
    rows.columns = pd.Index(_meant(rows, path))
    found = tuple(key for key in KEYS if key in rows.columns and (rows[key] != "").any())
    if not (found if by is None else by in found):
        needed = ", ".join(KEYS) if by is None else by
        raise TableError(
            f"{path.name} has no column that joins results (it has {', '.join(map(str, rows.columns[:30]))}); needed "
            f"{'one of ' if by is None else ''}{needed}. Add it, or name the column so."
        )
    check_no_faults(f"{path.name} has", _wrong_frames(rows), "Rows are counted from 1 below the names of the columns.")
    return Labels(path, rows, found if by is None else (by,))


def rows_text(numbers: list[int]) -> str:
    """Rows by their numbers, from 1 below the names of the columns: "2, 5 and 7"."""
    words = [str(number + 1) for number in numbers[:10]] + ([f"{len(numbers) - 10} more"] if len(numbers) > 10 else [])
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _renamed(rows: pd.DataFrame, renamed: Mapping[str, str], path: Path) -> pd.DataFrame:
    for output, column in renamed.items():
        if column not in rows.columns:
            found = ", ".join(map(str, rows.columns[:30]))
            raise TableError(f"{path.name} has no column {column} for {output} (it has {found}). Correct the name.")
    kept = rows.drop(columns=[output for output, column in renamed.items() if output != column], errors="ignore")
    return kept.rename(columns={column: output for output, column in renamed.items()})


def _meant(rows: pd.DataFrame, path: Path) -> list[str]:
    """The names of columns, with those that join and those that are known under one name."""
    names = [str(column) for column in rows.columns]
    plain = [re.sub(r"[^a-z0-9]", "", name.casefold()) for name in names]
    for meant, spellings in {**KEYS, **OTHERS}.items():
        if meant in names:
            continue
        could = [
            place for place, name in enumerate(plain) if name in spellings and names[place] == str(rows.columns[place])
        ]
        if len(could) > 1:
            both = " and ".join(names[place] for place in could[:2])
            raise TableError(f"{path.name} has {both}, each of which could be {meant}; needed one. Rename the others.")
        if could:
            names[could[0]] = meant
    return names


def _wrong_frames(rows: pd.DataFrame) -> list[str]:
    faults = []
    for row, cells in zip(rows.index, rows.to_dict("records"), strict=True):
        try:
            read_frame_number({"image": "", **{str(name): cell for name, cell in cells.items()}})
        except TableError:
            faults.append(f"row {row + 1} has the frame '{cells['frame']}', needed a whole number from 0 or nothing")
    return faults
