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
from echocare_core.finetuning.groups import PATIENT, complete_groups, join_groups
from echocare_core.finetuning.landmarks import LISTED, one_row_per_image
from echocare_core.frames.manifest import COLUMNS, FILES, MASK, check_columns, read_csv
from echocare_core.frames.mask_files import NOTHING, place_masks
from echocare_core.frames.spelling import WRITTEN
from echocare_core.spreadsheet import text_cell

TABLE = "table.csv"
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
        text: of it, as CSV, its paths absolute and its groups joined (`join_groups`); rows without a target are empty.
        rows: those that have a target, as the team writes groups and paths, by their numbers in `source` from 0.
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
        return self.rows[self.rows["split"].isin(SPLITS)]

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
    numbers = range(rows.index.max() + 1)
    rows = rows[rows[target] != ""].copy()
    notes += complete_groups(rows)
    groups, joined = join_groups(rows)
    notes += [*joined, *_complete_splits(rows, groups, path, seed, target, classes)]
    images = {split: int(count) for split, count in rows["split"].value_counts().items()}
    if missing := [split for split in NEEDED if split not in images]:
        raise TableError(
            f"{path} has no row with a {target} in split '{missing[0]}' (found {', '.join(images)}); needed "
            f"{NEEDED[0]} to learn from and {NEEDED[1]} to choose by. Fill the column split, or leave it out."
        )
    counts = count_classes(rows[target], rows["split"], classes, NEEDED, path) if classes else {}
    completed = _placed(rows.assign(group=groups), path.parent.absolute()).map(text_cell)
    text = completed.reindex(numbers, fill_value="").to_csv(index=False)  # row for row, so that their numbers stay
    of_splits = {split: int(groups[rows["split"] == split].nunique()) for split in images}
    return Cases(path, folder / TABLE, text, rows, images, of_splits, tuple(notes), target, counts)


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


def _complete_splits(
    rows: pd.DataFrame, groups: pd.Series, path: Path, seed: int, target: str, classes: Sequence[str]
) -> list[str]:
    """Give each group a split; what was done about it. Of classes a quarter of the groups of each goes to val."""
    if "split" in rows:
        return []
    names = sorted(set(groups))
    if len(names) < len(NEEDED):
        raise TableError(
            f"{path} has {counted(len(names), 'group')} and no column split; needed {len(NEEDED)} at least, to learn "
            f"from one and to choose by another. Add images of further patients."
        )
    random.Random(seed).shuffle(names)
    val: set[str] = set()
    for named in sorted(classes, key=lambda name: (rows[target] == name).sum()) or [""]:  # the rarest first
        own = set(groups[rows[target] == named]) if named else set(names)
        wanted = max(1, round(VAL_SHARE * len(own))) - len(val & own)
        val |= set([name for name in names if name in own - val][: max(0, wanted)])
    rows["split"] = ["val" if name in val else "train" for name in groups]
    return [f"No column split: {counted(len(val), 'group')} of {len(names)} drawn for val (seed {seed})."]
