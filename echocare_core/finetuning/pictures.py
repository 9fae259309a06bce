"""Every picture and mask of a fine-tuning, looked at before the first is scored: all mistakes together, by row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.progress import track

from echocare_core.counting import enumerated
from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.finetuning.cases import NEEDED, SPLITS, Cases
from echocare_core.finetuning.configured import Needed
from echocare_core.finetuning.drawn import Drawn, check_some_drawn, doubt_drawn, measure_drawn
from echocare_core.finetuning.groups import PATIENT
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.groups import find_group_faults, find_in_two_splits
from echocare_core.frames.leaks import find_leaks
from echocare_core.frames.manifest import (
    FILES,
    MASK,
    absent_files,
    check_columns,
    find_missing,
    find_wrong_numbers,
    list_pictures,
    read_frame_number,
    where_rows_count,
)
from echocare_core.frames.mask_files import place_masks
from echocare_core.frames.read import read_frames
from echocare_core.frames.same_picture import MANY, digest_of
from echocare_core.training.dataset import LOADING_THREADS, check_fills_batch
from echocare_core.transforms.mask import check_mask_size, read_mask
from echocare_core.transforms.of_image import OfImage


class Looked(NamedTuple):
    """What was found of a row.

    Attributes:
        fault: why it cannot be used, without a full stop; "" where it can.
        shown: what tells its picture from others.
        drawn: what its mask marks; None where none is learned.
    """

    fault: str = ""
    shown: str = ""
    drawn: Drawn | None = None


def check_pictures(cases: Cases, needed: Needed) -> tuple[str, ...]:
    """Read all that training and evaluation will read of `train`, `val` and `test`.

    Returns:
        Sentences on what can be used and looks wrong (`doubt_drawn`).

    Raises:
        TableError: a column is missing, rows cannot be used, or they show one picture in two splits or as two classes;
            it names the first ten by their numbers in the table of the team. Or no mask of a split marks anything.
        TrainingError: fewer images than a batch needs.
        SettingsError: a `mask_threshold` that cannot be used.
    """
    rows, path = cases.used, cases.source
    check_columns(rows, needed.columns, path)
    check_fills_batch(cases.images[NEEDED[0]], needed.batch_size)
    files = FILES if needed.masks or (needed.masks is None and MASK in rows) else FILES[:1]
    looked = _look_at(rows, files, path, needed)
    unusable = [f"row {row + 1}, {one.fault}" for row, one in looked.items() if one.fault]
    faults = [*find_group_faults(cases.rows, path)]
    faults += find_in_two_splits(cases.rows, PATIENT) if PATIENT in rows else []
    faults += [*find_missing(rows, files, path), *find_wrong_numbers(rows)]
    _refuse(cases, list(dict.fromkeys([*faults, *unusable])))
    splits = [split for split in SPLITS if split in cases.images]
    leaks = [leak for split in splits for leak in find_leaks(list_pictures(cases.rows, split, path), split, path)]
    contradictions = _find_contradictions(rows[cases.target], looked) if cases.classes else ()
    _refuse(cases, list(dict.fromkeys([*leaks, *contradictions])))
    drawn = {row: one.drawn for row, one in looked.items() if one.drawn}
    if drawn:
        check_some_drawn(drawn, rows["split"], path)
    return tuple(doubt_drawn(drawn))


def _refuse(cases: Cases, faults: list[str]) -> None:
    check_no_faults(f"{cases.source} has", faults, where_rows_count(cases.source))


def _find_contradictions(classes: pd.Series, looked: Mapping[int, Looked]) -> Iterator[str]:
    """Pictures that rows put into more than one class."""
    shown = pd.Series({row: one.shown for row, one in looked.items()})
    for _, named in classes.groupby(shown, sort=False):
        first = named.drop_duplicates()
        if len(first) > 1:
            numbers = enumerated([str(row + 1) for row in first.index])
            yield f"rows {numbers} show one picture, as {enumerated(list(first))}"


def _look_at(rows: pd.DataFrame, files: Sequence[str], path: Path, needed: Needed) -> dict[int, Looked]:
    """What each row shows, with a progress bar where they are many."""
    hidden = len(rows) < MANY or os.environ.get("RANK", "0") != "0"  # of several processes the first one shows it
    with ThreadPoolExecutor(LOADING_THREADS) as threads:
        looked = threads.map(lambda cells: _look(cells, files, path, needed), rows.to_dict("records"))
        bar = track(looked, "looking at pictures and masks", len(rows), transient=True, disable=hidden)
        return dict(zip(map(int, rows.index), bar, strict=True))


def _look(cells: Mapping[str, str], files: Sequence[str], path: Path, needed: Needed) -> Looked:
    """What a row shows; nothing of one whose files are not there, which `find_missing` tells."""
    if any(absent_files(cells, name, path) for name in files):
        return Looked()
    image, drawn = path.parent / cells["image"], None
    try:
        frame = read_frame_number(cells) or 0
        frames = read_frames(image)
        shown = digest_of(image, frame) or f"{os.path.normpath(image)} {frame}"
        if MASK in files and cells[MASK]:
            place, of_image = place_masks(cells[MASK], path.parent), OfImage(str(image), frames.instance_uid)
            check_mask_size(place, frames.size, of_image)
            if needed.labels is not None:
                mask = read_mask(place, frames.size, needed.labels, needed.threshold, frame, of_image)
                drawn = measure_drawn(mask)
    except (TableError, UnreadableFrames) as error:
        return Looked(str(error).rstrip("."))
    return Looked(shown=shown, drawn=drawn)
