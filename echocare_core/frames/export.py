"""A hospital export, one file or a folder of any depth: what is usable, and what is set aside and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.types import Frames, SetAside

COMMONEST = 3
RESULTS = {
    "report.html",
    "results.csv",
    "set_aside.csv",
}  # what a run of this package leaves: its pictures are no images
INVENTORY = "inventory.sqlite"  # so does an inventory of an export
UNFINISHED = ".echocare-"


@dataclass(frozen=True)
class Export:
    """The files of one export.

    Attributes:
        root: the folder that was read, or the folder of the single file.
        files: the usable ones in the order of their paths; headers are read, frames are not decoded yet.
        set_aside: every other file, with the reason.
        chosen: which frames to use, for paths of files of which only some are wanted.
    """

    root: Path
    files: tuple[Frames, ...]
    set_aside: tuple[SetAside, ...] = ()
    chosen: Mapping[Path, Sequence[int]] = field(default_factory=dict)

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


def read_export(path: Path) -> Export:
    """Read the header of every file in an export; one bad file is set aside by name, never fatal to the rest.

    Args:
        path: a file, or a folder; file names and extensions do not matter, linked folders are not entered.

    Raises:
        UnreadableFrames: the path does not exist, or holds nothing usable; the sentence counts the reasons.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableFrames(f"{path.name} does not exist; a file or folder is needed. Check the path.")
    if not path.is_dir():
        return Export(path.parent, (read_frames(path),))
    files: list[Frames] = []
    set_aside: list[SetAside] = []

    def note(folder: Path, reason: str) -> None:
        set_aside.append(SetAside(folder.relative_to(path).as_posix(), reason))

    for found in walk_export(path, note):
        try:
            files.append(read_frames(found))
        except UnreadableFrames as fault:
            set_aside.append(SetAside(found.relative_to(path).as_posix(), str(fault)))
    if not files:
        raise UnreadableFrames(_nothing_usable(path, set_aside))
    return Export(path, tuple(files), tuple(set_aside))


def walk_export(root: Path, note: Callable[[Path, str], None]) -> Iterator[Path]:
    """All files below a folder, sorted, one after the other; linked folders are not entered.

    Args:
        root: the folder.
        note: told of each folder that cannot be listed, or holds what this package wrote, and why it is set aside.
    """

    def unlisted(fault: OSError) -> None:
        folder = Path(fault.filename)
        note(folder, f"{folder.name} is a folder that cannot be listed ({fault.strerror}). Check its permissions.")

    for name, folders, names in os.walk(root, onerror=unlisted):
        folder = Path(name)
        for linked in sorted(name for name in folders if (folder / name).is_symlink()):
            note(folder / linked, f"{linked} is a linked folder, which is not entered. Give it by itself.")
        folders[:] = sorted(name for name in folders if not name.startswith(UNFINISHED))
        written = "results of an earlier run" if set(names) >= RESULTS else "an inventory" if INVENTORY in names else ""
        if written:
            note(folder, f"{folder.name} holds {written}, not images.")
            folders.clear()
            continue
        yield from (folder / name for name in sorted(names))


def _nothing_usable(root: Path, set_aside: list[SetAside]) -> str:
    name = root.name or "the folder"
    needed = "Ultrasound DICOM, PNG or JPEG files are needed. Check that the export holds the images of the study."
    if not set_aside:
        return f"{name} is empty: no file was found in it. {needed}"
    # A reason begins with the file's name; without it, equal reasons can be counted.
    reasons = Counter(one.reason.removeprefix(Path(one.source).name).strip() for one in set_aside)
    counted = "; ".join(f"{count} x {reason.rstrip('.')}" for reason, count in reasons.most_common(COMMONEST))
    return f"{name} has no usable file among {len(set_aside)} looked at ({counted}). {needed}"
