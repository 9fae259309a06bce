"""The table of a public data set, with its masks beside it and a list of what was left out."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from echocare_core.atomic import replacing
from echocare_core.counting import counted, first_ten
from echocare_core.disk import explained
from echocare_core.errors import OutputError, TableError
from echocare_core.layouts.found import ORIGINAL, Found, below
from echocare_core.layouts.looked_at import leave_out_copies, look_at
from echocare_core.layouts.registry import find_layout
from echocare_core.layouts.splits import complete_splits
from echocare_core.spreadsheet import path_cell, text_cell
from echocare_core.types import SetAside

TABLE, SET_ASIDE, MASKS = "table.csv", "set_aside.csv", "masks"
SPLITS = ("train", "val", "test")
PICTURES_ALONE = (
    "Patients are not known: every picture is a group of its own, so pictures of one patient may stand in two splits."
)
CASES = "A group is a case: all its pictures stand in one split."


@dataclass(frozen=True)
class WrittenTable:
    """A table that was written; as text, one line for each fact.

    Attributes:
        layout: of the folder that was read.
        table: `table.csv`.
        pictures: its rows, in their order.
        masks: how many of them have a mask.
        column: of labels; "" where the table has none.
        notes: where groups and splits come from, in sentences.
        set_aside: what was left out, each with its reason; `set_aside.csv` has the same.
    """

    layout: str
    table: Path
    pictures: tuple[Found, ...]
    masks: int
    column: str
    notes: tuple[str, ...]
    set_aside: tuple[SetAside, ...]

    def __str__(self) -> str:
        lines = [f"{counted(len(self.pictures), 'picture')} of {self.layout} in {self.table}."]
        lines += [f"{split}: {self._said_of(split)}." for split in SPLITS]
        if self.masks:
            without = len(self.pictures) - self.masks
            lines.append(f"{counted(self.masks, 'mask')} in {self.table.parent / MASKS}; {without} without a mask.")
        lines += self.notes
        left_out = [f"{one.source} {one.reason.rstrip('.')}" for one in self.set_aside]
        if left_out:
            lines.append(f"{len(left_out)} left out, listed in {SET_ASIDE}: {first_ten(left_out)}.")
        return "\n".join(lines)

    def _said_of(self, split: str) -> str:
        own = [found for found in self.pictures if found.split == split]
        labels = Counter(found.label for found in own) if self.column not in ("", ORIGINAL) else Counter()
        without = labels.pop("", 0)
        return ", ".join(
            [
                f"{counted(len(own), 'picture')} in {counted(len({found.group for found in own}), 'group')}",
                *(f"{count} {self._in_words(label)}" for label, count in sorted(labels.items())),
                *([f"{without} without {self.column}"] if without else []),
            ]
        )

    def _in_words(self, label: str) -> str:
        return f"of {self.column} {label}" if label[0].isdigit() else label


def write_table(
    layout: str, folder: str | Path, out: str | Path, *, seed: int = 0, overwrite: bool = False
) -> WrittenTable:
    """Write the table of a public data set, as `echocare_core.frames.manifest` describes it.

    Args:
        layout: one of `echocare_core.layouts.registry.LAYOUTS`.
        folder: the data set as it was downloaded and unpacked; only read.
        out: folder for `table.csv`, whose paths of images are absolute, `set_aside.csv` and, where somebody outlined
            nodules, `masks/`, PNGs of the size of their pictures with the values 0 and 1.
        seed: of splits that the data set leaves open.
        overwrite: replace a table that is there.

    Raises:
        SettingsError: no such layout.
        TableError: the folder does not have that layout, holds no picture that can be used, or too few to draw splits
            from; or `out` has a table.
        OutputError: `out` is the folder that is read or lies in it, or cannot be written.
    """
    asked, folder, out = find_layout(layout), Path(folder).absolute(), Path(out).absolute()
    if not folder.is_dir():
        raise TableError(f"{folder} is no folder; needed that of {asked.name}, unpacked. Check the path.")
    _check_out(folder, out, overwrite)
    contents = asked.read(folder)
    seen, unreadable = look_at(contents.pictures, folder)
    different, copies = leave_out_copies(seen, folder)
    if not different:
        aside = [f"{one.source} {one.reason.rstrip('.')}" for one in (*contents.set_aside, *unreadable, *copies)]
        found = first_ten(aside) or "it is empty"
        raise TableError(f"{folder} has no picture of {asked.name} that can be used: {found}. Download it again.")
    pictures, note = complete_splits([one.found for one in different], seed)
    listed = {found.name for found in pictures}
    in_none = [
        SetAside(below(one.found.path, folder), "is in no split of the data set.")
        for one in different
        if one.found.name not in listed
    ]
    masks = {one.found.name: one.mask for one in different if one.mask is not None}
    set_aside = (*contents.set_aside, *unreadable, *copies, *in_none)
    with explained(out, "the table"):
        _write(out, pictures, masks, contents.column, set_aside)
    notes = (CASES if asked.cases else PICTURES_ALONE, note)
    return WrittenTable(asked.name, out / TABLE, tuple(pictures), len(masks), contents.column, notes, tuple(set_aside))


def _check_out(folder: Path, out: Path, overwrite: bool) -> None:
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise OutputError(f"{out} is the data set or lies in it; needed a folder of its own for the table. Choose one.")
    if (out / TABLE).exists() and not overwrite:
        raise TableError(f"{out} has a {TABLE}; needed a folder without one. Choose another, or give --overwrite.")


def _write(
    out: Path, pictures: Sequence[Found], masks: dict[str, bytes], column: str, set_aside: Iterable[SetAside]
) -> None:
    """Masks, the list of what was left out, and last the table, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    for name, png in masks.items():
        path = _mask_path(out, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            unfinished.write_bytes(png)
    _write_csv(
        out / SET_ASIDE,
        ["source", "reason"],
        ([path_cell(one.source), text_cell(one.reason)] for one in set_aside),
    )
    columns = ["image", "mask", "group", "split", *([column] if column else [])]
    _write_csv(
        out / TABLE,
        columns,
        (
            [
                str(found.path),
                _mask_path(out, found.name).relative_to(out).as_posix() if found.name in masks else "",
                *(text_cell(cell) for cell in (found.group, found.split, found.label)),
            ][: len(columns)]
            for found in pictures
        ),
    )


def _mask_path(out: Path, name: str) -> Path:
    return out / MASKS / f"{name}.png"


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
