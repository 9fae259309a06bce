"""What of an export is used, of all that can be read: nothing blank, nothing twice.

`predict` and `inspect` ask here, but that `inspect` finds copies by the same rule in its database (`inventory.copies`).

- A file that shows nothing is set aside: in all frames, all pixels have one value, or all of the scan region are black.
- Of a file whose frames are all the same, the first is used, as a still.
- A link to a file that is read anyway is set aside, and so is a copy: the same object again, with the same SOP Instance
  UID and the same stored pixels; of pictures and videos, which have no UID, the same bytes. The first by its source is
  used, of links the file itself.

An object with the UID of another and other pixels, and one with the pixels of another and a UID of its own, are no
copies: both are used.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.read import DicomPixels
from echocare_core.frames.lazy import FirstFrame
from echocare_core.frames.stored import (
    stored_blocks,
    stored_form,
    stored_frame,
    stored_looks,
    stored_scan,
    stored_spans,
)
from echocare_core.types import Frames

BLANK = "shows nothing: all its pixels have one value, or those of its scan region are black. Leave it out."
REPEATED = "All {frames} frames of the file are the same: the first is used, as a still."
LINK = "is a link to the same file as {first}."
SAME_OBJECT = "is the same object again, with the same SOP Instance UID and the same pixels as {first}."
SAME_BYTES = "is the same file again, with the same bytes as {first}."
NOISE = 2  # of 255: what a lossy codec makes of one value, or of one picture twice
FEW_VALUES, FEW_BYTES, FEW_BYTES_PER_PIXEL = 8, 2000, 0.06  # what pixels that may be blank do not exceed, as stored


def use(frames: Frames) -> Frames:
    """The frames of a file that are used.

    Nothing is decoded where the bytes of a file show that it has a picture, and frames that differ.

    Raises:
        UnreadableFrames: it is blank, or cannot be decoded where it looks so.
    """
    check_shows_something(frames)
    return join_same_frames(frames)


def check_shows_something(frames: Frames) -> None:
    """UnreadableFrames where a file is blank."""
    if _may_be_blank(frames) and _is_blank(frames):
        raise UnreadableFrames(frames.path, BLANK)


def join_same_frames(frames: Frames) -> Frames:
    """The first frame alone where all are the same, with a note that says so; else the file as it is."""
    if len(frames) > 1 and _repeats(frames):
        times_ms = (0.0,) if frames.frame_times_ms else None
        note = REPEATED.format(frames=len(frames))
        return replace(frames, pixels=FirstFrame(frames.pixels), frame_times_ms=times_ms, notes=(*frames.notes, note))
    return frames


def find_links(paths: Iterable[Path], source_of: Callable[[Path], str]) -> dict[Path, Path]:
    """Links among files, symbolic and hard ones, each with the file that is read in its place."""
    first: dict[Hashable, Path] = {}
    links: dict[Path, Path] = {}
    real = cache(os.path.realpath)
    for path in sorted(paths, key=lambda path: (path.is_symlink(), source_of(path))):
        try:
            found = path.stat()
        except OSError:
            continue
        by_path = real(path) if path.is_symlink() else os.path.join(real(path.parent), path.name)
        # Some network drives number no file, or several alike: only where a file has other names its number counts.
        key = (found.st_dev, found.st_ino) if found.st_nlink > 1 and found.st_ino else by_path
        if first.setdefault(key, path) != path:
            links[path] = first[key]
    return links


def find_copies(files: Iterable[Frames], source_of: Callable[[Path], str]) -> dict[Path, Path]:
    """Copies among files, each with the first of its kind; only those that could be copies are read.

    A file that can no longer be read is no copy.
    """
    alike = [sorted(files, key=lambda frames: source_of(frames.path))]
    for key in (_name, _looks, _digest):
        alike = [group for one in alike for group in _groups(one, key)]
    return {copy.path: first.path for first, *copies in alike for copy in copies}


def copy_reason(frames: Frames) -> str:
    """Why a copy is set aside; {first} stands for the name of the first."""
    return SAME_OBJECT if _is_object(frames) else SAME_BYTES


def _groups(files: Iterable[Frames], key: Callable[[Frames], Hashable]) -> list[list[Frames]]:
    """Files that have one key, two at least, in their order; those without a key are left out."""
    groups: dict[Hashable, list[Frames]] = defaultdict(list)
    for frames in files:
        try:
            found = key(frames)
        except OSError:
            continue
        if found:
            groups[found].append(frames)
    return [group for group in groups.values() if len(group) > 1]


def _is_object(frames: Frames) -> bool:
    pixels = frames.pixels.whole if isinstance(frames.pixels, FirstFrame) else frames.pixels
    return isinstance(pixels, DicomPixels)


def _name(frames: Frames) -> Hashable:
    """The UID of an object, "" where it has none, so that it is no copy; the size of a file that can have none."""
    return frames.instance_uid if _is_object(frames) else frames.path.stat().st_size


def _looks(frames: Frames) -> Hashable:
    return hashlib.blake2b(stored_form(frames).encode() + b"".join(stored_looks(frames))).digest()


def _digest(frames: Frames) -> Hashable:
    digest = hashlib.blake2b()
    for block in stored_blocks(frames):
        digest.update(block)
    return digest.digest()


def _may_be_blank(frames: Frames) -> bool:
    """Whether what is stored is little, or of few values inside the scan region: all else shows something."""
    try:
        stored = sum(length for _, length in stored_spans(frames))
        height, width = frames.size
        little = len(frames) * (FEW_BYTES + FEW_BYTES_PER_PIXEL * height * width)
        return stored <= little or len(set(b"".join(stored_scan(frames)))) <= FEW_VALUES
    except OSError:
        return False


def _is_blank(frames: Frames) -> bool:
    """Whether all pixels of all frames have one value, or all of the scan region are black."""
    top, left, bottom, right = frames.scan_box
    lowest, highest, in_scan = np.full(3, 255), np.zeros(3, dtype=int), 0
    for number in range(len(frames)):
        try:
            picture = frames.pixels[number]
        except Exception:  # noqa: BLE001  (whatever a decoder raises is for whoever reads that frame to say)
            return False
        lowest, highest = np.minimum(lowest, picture.min((0, 1))), np.maximum(highest, picture.max((0, 1)))
        in_scan = max(in_scan, int(picture[top:bottom, left:right].max(initial=0)))
        if in_scan > NOISE and (highest - lowest > NOISE).any():
            return False
    return True


def _repeats(frames: Frames) -> bool:
    """Whether all frames are the same, by their bytes as far as they stand apart, else by what they show."""
    try:
        first = stored_frame(frames, 0)
        if first is not None:
            return all(stored_frame(frames, number) == first for number in range(1, len(frames)))
        shown = frames.pixels[0].astype(np.int16)
        return all(abs(frames.pixels[number] - shown).max() <= NOISE for number in range(1, len(frames)))
    except Exception:  # noqa: BLE001  (as above)
        return False
