"""The table of a fine-tuning: what it holds, completed by what it leaves out, groups and splits."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.frames.manifest import COLUMNS, FILES, check_columns, read_csv
from echocare_core.frames.spelling import WRITTEN
from echocare_core.spreadsheet import text_cell

TABLE = "table.csv"
PATIENT = "patient"  # a column that is read as the group
NEEDED = ("train", "val")
VAL_SHARE = 0.25  # of the groups of a table without splits
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cases:
    """What a table holds.

    Attributes:
        table: the completed one, its paths absolute.
        images: rows with a mask, by split.
        groups: patients, by split.
        notes: what was completed, in sentences.
    """

    table: Path
    images: Mapping[str, int]
    groups: Mapping[str, int]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        parts = [
            f"{split} {counted(self.images[split], 'image')} of {counted(self.groups[split], 'group')}"
            for split in self.images
        ]
        return "\n".join([f"{sum(self.images.values())} images with a mask: {', '.join(parts)}", *self.notes])


def complete_table(table: str | Path, folder: Path, seed: int) -> Cases:
    """Read a table and write it with absolute paths, a group for each row and a split for each group.

    Args:
        table: CSV or Parquet, or the folder that holds it as `table.csv`: `image` (or a DICOM file), `mask`, and where
            there is one `group` or `patient`, `split`, `frame`, `pixel_mm`.
        folder: where the completed one is written, as `table.csv`.
        seed: of the groups that are drawn for `val` where the table has no column `split`: a quarter.

    Raises:
        TableError: no table, no column of images or masks, no row with a mask, a split `train` or `val` that has none,
            or too few groups to make both.
    """
    path = Path(table)
    path = path / TABLE if path.is_dir() else path
    rows = read_csv(path, (*COLUMNS, PATIENT)).drop(columns=WRITTEN)
    check_columns(rows, FILES, path)
    if not (rows["mask"] != "").any():
        raise TableError(f"{path} has no row with a mask; needed some to learn from. Fill the column mask.")
    notes = []
    if left := int((rows["mask"] == "").sum()):
        notes.append(f"{counted(left, 'row')} without a mask left out.")
    notes += _complete_groups(rows)
    notes += _complete_splits(rows, path, seed)
    for name in FILES:
        rows[name] = [str((path.parent / cell).absolute()) if cell else "" for cell in rows[name]]
    drawn = rows[rows["mask"] != ""]
    images = {split: int(count) for split, count in drawn["split"].value_counts().items()}
    if missing := [split for split in NEEDED if split not in images]:
        raise TableError(
            f"{path} has no row with a mask in split '{missing[0]}' (found {', '.join(images)}); needed {NEEDED[0]} to "
            f"learn from and {NEEDED[1]} to choose by. Fill the column split, or leave it out."
        )
    groups = {split: int(drawn.loc[drawn["split"] == split, "group"].nunique()) for split in images}
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / TABLE, OWNER_ALONE) as unfinished:
        rows.map(text_cell).to_csv(unfinished, index=False)  # row for row, so that mistakes are found by their numbers
    return Cases(folder / TABLE, images, groups, tuple(notes))


def _complete_groups(rows: pd.DataFrame) -> list[str]:
    """Give each row a group; what was done about it."""
    if "group" in rows:
        return []
    if PATIENT in rows:
        rows["group"] = rows.pop(PATIENT)
        return []
    rows["group"] = rows["image"]
    return ["No column group or patient: each image counts as a patient. Add one if patients have several images."]


def _complete_splits(rows: pd.DataFrame, path: Path, seed: int) -> list[str]:
    """Give each group a split; what was done about it."""
    if "split" in rows:
        return []
    groups = sorted(set(rows["group"]))
    if len(groups) < len(NEEDED):
        raise TableError(
            f"{path} has {counted(len(groups), 'group')} and no column split; needed {len(NEEDED)} at least, to learn "
            f"from one and to choose by another. Add images of further patients."
        )
    random.Random(seed).shuffle(groups)
    val = set(groups[: max(1, round(VAL_SHARE * len(groups)))])
    rows["split"] = ["val" if group in val else "train" for group in rows["group"]]
    return [f"No column split: {counted(len(val), 'group')} of {len(groups)} drawn for val (seed {seed})."]
