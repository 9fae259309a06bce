"""A hospital export, one file or a folder of any depth: what is usable, and what is set aside and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.result_files import TABLES_AND_PAGE
from echocare_core.types import Frames, SetAside

COMMONEST = 3
INVENTORY = "inventory.sqlite"  # what an inventory of an export leaves
UNFINISHED = ".echocare-"


@dataclass(frozen=True)
class Export:
    """The files of one export.

    Attributes:
        root: the folder that was read, or the folder of the single file.
        files: the usable ones in the order of their paths; headers are read, frames are not decoded yet.
        set_aside: every other file, with the reason.
        chosen: which frames to use, for paths of files of which only some are wanted.
        groups: to whom files belong, where a table says so; a group may be a patient's ID, so no log or message has it.
    """

    root: Path
    files: tuple[Frames, ...]
    set_aside: tuple[SetAside, ...] = ()
    chosen: Mapping[Path, Sequence[int]] = field(default_factory=dict)
    groups: Mapping[Path, str] = field(default_factory=dict)

    @property
    def number_of_frames(self) -> int:
        """Frames of all usable files together, as far as they are wanted."""
        return sum(len(self.numbers_of(frames)) for frames in self.files)

    def numbers_of(self, frames: Frames) -> Sequence[int]:
        """The frames of a file that are wanted, 0-based."""
        return self.chosen.get(frames.path, range(len(frames)))

    def source_of(self, frames: Frames) -> str:
        """Path of a file relative to `root`, with forward slashes on every system."""
        return frames.path.relative_to(self.root).as_posix()


def study_numbers(export: Export) -> dict[Path, int]:
    """Number of the study of each file, from 1 in the order of the export.

    Files are of one study where they have one StudyInstanceUID; those without one where a table puts them into one
    group, else where they stand in one folder.
    """
    keys = {
        one.path: ("uid", one.study_uid) if one.study_uid
        else ("group", export.groups[one.path]) if one.path in export.groups
        else ("folder", str(one.path.parent))
        for one in export.files
    }  # fmt: skip
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys.values()), start=1)}
    return {path: numbers[key] for path, key in keys.items()}


def read_export(path: Path) -> Export:
    """Read the header of every file in an export; one bad file is set aside by name, never fatal to the rest.

    Args:
        path: a file, or a folder; file names and extensions do not matter, linked folders are not entered.

    Raises:
        UnreadableFrames: the path does not exist, or holds nothing usable; the sentence counts the reasons.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableFrames(path, "does not exist; a file or folder is needed. Check the path.")
    if not path.is_dir():
        return Export(path.parent, (read_frames(path),))
    files: list[Frames] = []
    faults: list[UnreadableFrames] = []
    for found in walk_export(path, faults.append):
        try:
            files.append(read_frames(found))
        except UnreadableFrames as fault:
            faults.append(fault)
    if not files:
        raise UnreadableFrames(path, _why_nothing_is_usable(faults))
    set_aside = (SetAside(fault.path.relative_to(path).as_posix(), str(fault)) for fault in faults)
    return Export(path, tuple(files), tuple(set_aside))


def walk_export(root: Path, set_aside: Callable[[UnreadableFrames], None]) -> Iterator[Path]:
    """All files below a folder, sorted, one after the other; linked folders are not entered.

    Args:
        root: the folder.
        set_aside: told of each folder that is linked, cannot be listed, or holds what this package wrote.
    """

    def unlisted(fault: OSError) -> None:
        reason = f"is a folder that cannot be listed ({fault.strerror}). Check its permissions."
        set_aside(UnreadableFrames(Path(fault.filename), reason))

    for name, folders, names in os.walk(root, onerror=unlisted):
        folder = Path(name)
        for linked in sorted(name for name in folders if (folder / name).is_symlink()):
            reason = "is a linked folder, which is not entered. Give it by itself."
            set_aside(UnreadableFrames(folder / linked, reason))
        folders[:] = sorted(name for name in folders if not name.startswith(UNFINISHED))
        run = "results of an earlier run" if {*TABLES_AND_PAGE} <= set(names) else ""
        written = run or ("an inventory" if INVENTORY in names else "")
        if written:
            set_aside(UnreadableFrames(folder, f"holds {written}, not images."))
            folders.clear()
            continue
        yield from (folder / name for name in sorted(names))


def _why_nothing_is_usable(faults: list[UnreadableFrames]) -> str:
    needed = "Ultrasound DICOM, PNG or JPEG files are needed. Check that the export holds the images of the study."
    if not faults:
        return f"is empty: no file was found in it. {needed}"
    reasons = Counter(fault.reason for fault in faults)
    counted = "; ".join(f"{count} x {reason.rstrip('.')}" for reason, count in reasons.most_common(COMMONEST))
    return f"has no usable file among {len(faults)} looked at ({counted}). {needed}"
