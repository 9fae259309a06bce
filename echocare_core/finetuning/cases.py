"""The table of a fine-tuning: what it holds, completed by what it leaves out, groups and splits."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pandas as pd

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.finetuning.class_names import count_classes, name_classes
from echocare_core.finetuning.landmarks import LISTED, one_row_per_image
from echocare_core.frames.manifest import COLUMNS, FILES, MASK, check_columns, read_csv
from echocare_core.frames.mask_files import NOTHING, place_masks
from echocare_core.frames.spelling import WRITTEN
from echocare_core.spreadsheet import text_cell

TABLE = "table.csv"
PATIENT = "patient"  # a column that is read as the group
UNUSED = "unused"  # split of rows without what is to be learned
NEEDED = ("train", "val")
SPLITS = (*NEEDED, "test")  # what is scored, too
VAL_SHARE = 0.25  # of the groups of a table without splits
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cases:
    """What a table holds.

    Attributes:
        source: the table of the team.
        table: where the completed one belongs (`write_completed`).
        text: of it, as CSV, its paths absolute.
        rows: the same with the paths of the team, by the numbers that the rows have in `source`, from 0.
        images: rows that can be used, by split.
        groups: patients, by split.
        notes: what was completed, in sentences.
        target: the column that is learned: "mask", "landmark", or one of classes.
        classes: of classes the number of images of each, by split.
    """

    source: Path
    table: Path
    text: str = field(repr=False)
    rows: pd.DataFrame = field(repr=False, compare=False)
    images: Mapping[str, int]
    groups: Mapping[str, int]
    notes: tuple[str, ...]
    target: str
    classes: Mapping[str, Mapping[str, int]]

    @property
    def used(self) -> pd.DataFrame:
        """The rows that are learned from, chosen by or scored."""
        return self.rows[(self.rows[self.target] != "") & self.rows["split"].isin(SPLITS)]

    def __str__(self) -> str:
        parts = [
            f"{split} {counted(self.images[split], 'image')} of {counted(self.groups[split], 'group')}"
            + "".join(f", {count} {name}" for name, count in self.classes.get(split, {}).items())
            for split in self.images
        ]
        return "\n".join([f"{sum(self.images.values())} images with a {self.target}: {'; '.join(parts)}", *self.notes])


def complete_table(
    table: str | Path,
    folder: Path,
    seed: int,
    target: str = MASK,
    classes: Sequence[str] = (),
    points: Mapping[str, Sequence[str]] | None = None,
) -> Cases:
    """Read a table and complete it: with absolute paths, a group for each row and a split for each group.

    Args:
        table: CSV or Parquet, or the folder that holds it as `table.csv`: `image` (or a DICOM file), the target, and
            where there is one `group` or `patient`, `split`, `frame`, `pixel_mm`.
        folder: where the completed one belongs, as `table.csv`; nothing is written yet.
        seed: of the groups that are drawn for `val` where the table has no column `split`: a quarter.
        target: the column that is learned.
        classes: names of the classes in it (`name_classes`); none for masks and landmarks.
        points: of the target "landmark": name of each point -> its columns (`one_row_per_image`).

    Raises:
        TableError: no table, no column of images or targets, no row with a target, a split `train` or `val` that has
            none, a class that is none of `classes`, one that `train` or `val` lacks, or too few groups to make both.
    """
    path = Path(table)
    path = path / TABLE if path.is_dir() else path
    known = (target,) if points is None else (*LISTED, *chain.from_iterable(points.values()))
    rows = read_csv(path, (*COLUMNS, PATIENT, *known)).drop(columns=WRITTEN)
    if points is not None:
        rows = one_row_per_image(rows, points, path)
    check_columns(rows, ("image", target), path)
    if not (rows[target] != "").any():
        raise TableError(f"{path} has no row with a {target}; needed some to learn from. Fill the column {target}.")
    if classes:
        rows[target] = name_classes(rows[target], classes, path)
    notes = []
    if left := int((rows[target] == "").sum()):
        notes.append(f"{counted(left, 'row')} without a {target} left out.")
    if target == MASK and (empty := int((rows[target].str.casefold() == NOTHING).sum())):
        notes.append(f"{counted(empty, 'row')} with nothing to find.")
    notes += _complete_groups(rows)
    notes += _complete_splits(rows, path, seed, target, classes)
    if target != MASK:
        rows.loc[rows[target] == "", "split"] = UNUSED
    used = rows[rows[target] != ""]
    images = {split: int(count) for split, count in used["split"].value_counts().items()}
    if missing := [split for split in NEEDED if split not in images]:
        raise TableError(
            f"{path} has no row with a {target} in split '{missing[0]}' (found {', '.join(images)}); needed "
            f"{NEEDED[0]} to learn from and {NEEDED[1]} to choose by. Fill the column split, or leave it out."
        )
    groups = {split: int(used.loc[used["split"] == split, "group"].nunique()) for split in images}
    counts = count_classes(used[target], used["split"], classes, NEEDED, path) if classes else {}
    text = _placed(rows, path.parent.absolute()).map(text_cell).to_csv(index=False)
    return Cases(path, folder / TABLE, text, rows, images, groups, tuple(notes), target, counts)


def write_completed(cases: Cases) -> None:
    """Write the completed table where it belongs, and replace what is there."""
    cases.table.parent.mkdir(parents=True, exist_ok=True)
    with replacing(cases.table, OWNER_ALONE) as unfinished:
        unfinished.write_text(cases.text, encoding="utf-8", newline="")


def _placed(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows with absolute paths of what they name from `folder`."""
    placed = rows.copy()
    for name in [name for name in FILES if name in rows]:
        place = place_masks if name == MASK else _place
        placed[name] = [place(cell, folder) if cell else "" for cell in rows[name]]
    return placed


def _place(cell: str, folder: Path) -> str:
    return str(folder / cell)


def _complete_groups(rows: pd.DataFrame) -> list[str]:
    """Give each row a group; what was done about it."""
    if "group" in rows:
        return []
    if PATIENT in rows:
        rows["group"] = rows.pop(PATIENT)
        return []
    rows["group"] = rows["image"]
    return ["No column group or patient: each image counts as a patient. Add one if patients have several images."]


def _complete_splits(rows: pd.DataFrame, path: Path, seed: int, target: str, classes: Sequence[str]) -> list[str]:
    """Give each group a split; what was done about it. Of classes a quarter of the groups of each goes to val."""
    if "split" in rows:
        return []
    used = rows[rows[target] != ""]
    groups = sorted(set(used["group"]))
    if len(groups) < len(NEEDED):
        raise TableError(
            f"{path} has {counted(len(groups), 'group')} and no column split; needed {len(NEEDED)} at least, to learn "
            f"from one and to choose by another. Add images of further patients."
        )
    random.Random(seed).shuffle(groups)
    val: set[str] = set()
    for named in sorted(classes, key=lambda name: (used[target] == name).sum()) or [""]:  # the rarest first
        own = set(used.loc[used[target] == named, "group"]) if named else set(groups)
        wanted = max(1, round(VAL_SHARE * len(own))) - len(val & own)
        val |= set([group for group in groups if group in own - val][: max(0, wanted)])
    rows["split"] = ["val" if group in val else "train" for group in rows["group"]]
    return [f"No column split: {counted(len(val), 'group')} of {len(groups)} drawn for val (seed {seed})."]
