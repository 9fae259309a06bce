"""The files that a table names, as an export: what `echocare inspect` wrote, or any table of images."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from echocare_core.counting import counted
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.elsewhere import is_elsewhere
from echocare_core.frames.export import INVENTORY, Export, read_export
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.groups import find_regrouped
from echocare_core.frames.inputs import TABLES, Given, Inputs, Places, every_path
from echocare_core.frames.manifest import (
    check_columns,
    find_wrong_numbers,
    read_csv,
    read_frame_number,
    read_pixel_mm,
    where_rows_count,
)
from echocare_core.frames.plausible import NOT_A_LENGTH, is_spacing
from echocare_core.frames.policy import check_shows_something, join_same_frames
from echocare_core.frames.read import read_frames
from echocare_core.frames.spelling import WRITTEN
from echocare_core.types import Frames, SetAside

TABLE = "table.csv"


def table_at(path: Path) -> Path | None:
    """The table that a path means: a CSV or Parquet file, or the folder of an inventory; None for anything else."""
    if path.is_dir():
        return path / TABLE if (path / INVENTORY).is_file() else None
    return path if path.suffix.lower() in TABLES else None


def open_export(given: Given | Export) -> Export:
    """Read the headers of an export, or of the files that a table names: `read_export` or `read_listed`.

    An export whose headers are read is given back as it is.

    Raises:
        UnreadableFrames: nothing to read.
        TableError: a table that breaks its format.
    """
    if isinstance(given, Export):
        return given
    first, *others = every_path(given)
    table = None if others else table_at(first)
    return read_listed(table) if table else read_export(given)


def places_of(table: Path) -> Places:
    """Where the files lie that a table names, and how `read_listed` calls them; none of them is opened.

    Raises:
        TableError: no table, or no column `image`.
    """
    rows = read_csv(table)
    check_columns(rows, ["image"], table)
    return _places(table, [(table.parent / image).absolute() for image in rows["image"]])


def _places(table: Path, paths: Sequence[Path]) -> Places:
    root = os.path.commonpath([path.parent for path in paths]) if paths else table.parent.absolute()
    return Places(Path(root))


def read_listed(table: Path) -> Export:
    """Read the header of every file that a table names (`echocare_core.frames.manifest`).

    Args:
        table: CSV or Parquet; only `image` is needed. A row with a `frame` asks for that one, else all are wanted. Its
            `pixel_mm` is the spacing where the file states none.

    Raises:
        TableError: no table, no column `image`, or rows with an image in two groups, or no number where one is needed;
            it names the first ten.
        UnreadableFrames: it names nothing usable.
    """
    rows = read_csv(table)
    check_columns(rows, ["image"], table)
    faults = [*find_regrouped(rows, table), *find_wrong_numbers(rows)]
    check_no_faults(f"{table.name} has", faults, where_rows_count(table))
    paths = [(table.parent / image).absolute() for image in rows["image"]]
    groups = {path: group for path, group in zip(paths, rows.get("group", [""] * len(rows)), strict=True) if group}
    inputs = Inputs((table,), _places(table, paths))
    numbered = {path for row, path in zip(rows.to_dict("records"), paths, strict=True) if read_frame_number(row)}
    opened: dict[Path, Frames | None] = {}
    asked: list[tuple[Frames, int | None]] = []
    set_aside: list[SetAside] = []
    names = dict(zip(paths, rows[WRITTEN], strict=True))
    for row, path in zip(rows.to_dict("records"), paths, strict=True):
        source = inputs.source_of(path)
        if path not in opened:
            try:
                opened[path] = _calibrate(_open(path, whole=path in numbered), read_pixel_mm(row))
            except UnreadableFrames as fault:
                opened[path] = None
                set_aside.append(SetAside(source, _reason(fault, names[path]), image=names[path]))
        number, frames = read_frame_number(row), opened[path]
        if frames is not None and number is not None and number >= len(frames):
            reason = f"{path.name} has {counted(len(frames), 'frame')}; number {number}, counted from 0, was asked for."
            set_aside.append(SetAside(source, reason, number, names[path]))
        elif frames is not None:
            asked.append((frames, number))
    files = tuple(frames for frames in opened.values() if frames is not None)
    if not files:
        first = f" ({set_aside[0].reason.rstrip('.')})" if set_aside else ""
        raise UnreadableFrames(table, f"names no usable file among {len(rows)} rows{first}. Correct its paths.")
    turns = _turns(asked)
    chosen: dict[Path, list[int]] = {frames.path: [] for frames in files}
    for path, numbers in turns:
        chosen[path].extend(numbers)
    return Export(inputs, files, tuple(set_aside), chosen, turns, names, groups)


def _reason(fault: UnreadableFrames, name: str) -> str:
    """Why a file is set aside that the table calls `name`."""
    elsewhere = "" if os.path.exists(fault.path) else is_elsewhere(name)
    if not elsewhere:
        return str(fault)
    return f"{fault.path.name} does not exist, for its name in the table {elsewhere}. Copy it, and name the copy."


def _open(path: Path, *, whole: bool) -> Frames:
    """A file as an export has it; with all frames, also those that are the same, where rows name some by number."""
    frames = read_frames(path)
    check_shows_something(frames)
    return frames if whole else join_same_frames(frames)


def _turns(asked: Iterable[tuple[Frames, int | None]]) -> tuple[tuple[Path, Sequence[int]], ...]:
    """The frames that rows ask for, each once, in the order of the rows; those of one file that follow together."""
    turns: list[tuple[Path, list[int]]] = []
    seen: set[tuple[Path, int]] = set()
    for frames, asked_for in asked:
        numbers = range(len(frames)) if asked_for is None else (asked_for,)
        new = [number for number in numbers if (frames.path, number) not in seen]
        seen.update((frames.path, number) for number in new)
        if not turns or turns[-1][0] != frames.path:
            turns.append((frames.path, []))
        turns[-1][1].extend(new)
    return tuple(turns)


def _calibrate(frames: Frames, pixel_mm: float) -> Frames:
    if frames.spacing_mm is not None or math.isnan(pixel_mm):
        return frames
    if not is_spacing(pixel_mm, pixel_mm, *frames.size):
        return replace(frames, notes=(*frames.notes, NOT_A_LENGTH))
    return replace(frames, spacing_mm=(pixel_mm, pixel_mm))
