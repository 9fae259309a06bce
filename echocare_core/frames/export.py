"""A hospital export, one file or a folder of any depth: what is usable, and what is set aside and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
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
UNFINISHED = ".echocare-"


@dataclass(frozen=True)
class Export:
    """The files of one export.

    Attributes:
        root: the folder that was read, or the folder of the single file.
        files: the usable ones in the order of their paths; headers are read, frames are not decoded yet.
        set_aside: every other file, with the reason.
    """

    root: Path
    files: tuple[Frames, ...]
    set_aside: tuple[SetAside, ...] = ()

    @property
    def number_of_frames(self) -> int:
        """Frames of all usable files together."""
        return sum(len(frames) for frames in self.files)

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
    for found in _walk(path, set_aside):
        try:
            files.append(read_frames(found))
        except UnreadableFrames as fault:
            set_aside.append(SetAside(found.relative_to(path).as_posix(), str(fault)))
    if not files:
        raise UnreadableFrames(_nothing_usable(path, set_aside))
    return Export(path, tuple(files), tuple(set_aside))


def _walk(root: Path, set_aside: list[SetAside]) -> Iterator[Path]:
    """All files below a folder, sorted; a folder that cannot be listed, or that holds results, is set aside."""

    def note(fault: OSError) -> None:
        folder = Path(fault.filename)
        reason = f"{folder.name} is a folder that cannot be listed ({fault.strerror}). Check its permissions."
        set_aside.append(SetAside(folder.relative_to(root).as_posix(), reason))

    for folder, folders, names in os.walk(root, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith(UNFINISHED))
        if set(names) >= RESULTS:
            source = Path(folder).relative_to(root).as_posix()
            set_aside.append(SetAside(source, f"{Path(folder).name} holds results of an earlier run, not images."))
            folders.clear()
            continue
        yield from (Path(folder) / name for name in sorted(names))


def _nothing_usable(root: Path, set_aside: list[SetAside]) -> str:
    name = root.name or "the folder"
    needed = "Ultrasound DICOM, PNG or JPEG files are needed. Check that the export holds the images of the study."
    if not set_aside:
        return f"{name} is empty: no file was found in it. {needed}"
    # A reason begins with the file's name; without it, equal reasons can be counted.
    reasons = Counter(one.reason.removeprefix(Path(one.source).name).strip() for one in set_aside)
    counted = "; ".join(f"{count} x {reason.rstrip('.')}" for reason, count in reasons.most_common(COMMONEST))
    return f"{name} has no usable file among {len(set_aside)} looked at ({counted}). {needed}"
