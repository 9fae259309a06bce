"""NRRD stills and cines, with their numbers in the file itself (.nrrd) or beside it (.nhdr), to Frames."""

from __future__ import annotations

import bz2
import gzip
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.plausible import are_frame_times
from echocare_core.frames.volume.nrrd_header import LONGEST_HEADER, NrrdHeader, read_nrrd_header
from echocare_core.frames.volume.pixels import (
    DAMAGE,
    VolumePixels,
    brightness_factor,
    check_frame_bytes,
    frame_axes,
    notes_on_spacing,
    notes_on_third_axis,
    spacing_of,
)
from echocare_core.frames.volume.unpacked import MOST_BYTES, unpack
from echocare_core.types import Frames

BEGINNING = b"NRRD000"
IN_SPACE, IN_TIME = ("", "domain", "space"), ("time", "list")
GREY = ("scalar", "stub")
COLOURS = (
    *("vector", "covariant-vector", "point", "3-vector", "4-vector", "3-gradient", "3-normal"),
    *("3-color", "rgb-color", "4-color", "rgba-color"),
)
MM = {"": 1.0, "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "micron": 0.001}
MS = {"ms": 1.0, "msec": 1.0, "s": 1000.0, "sec": 1000.0, "us": 0.001, "usec": 0.001}
OPENERS: dict[str, Callable[[BinaryIO], Any]] = {"gzip": gzip.open, "bzip2": bz2.open}


@dataclass(frozen=True, eq=False, kw_only=True)
class NrrdPixels(VolumePixels):
    """The frames of an NRRD file.

    Attributes:
        header: what the file says of its numbers.
        colour: number of the axis that holds the colours; None for grey.
    """

    header: NrrdHeader
    colour: int | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self.path, *self.header.files)))

    def plane(self, number: int) -> NDArray[Any]:
        """The stored numbers of one frame, as `VolumePixels.plane` asks."""
        kept = sorted((*self.axes[:2], *(() if self.colour is None else (self.colour,))))
        place: list[Any] = [slice(None) if axis in kept else 0 for axis in range(len(self.shape))]
        if len(self.axes) == 3:
            place[self.axes[2]] = number
        of_one_frame = len(self.header.files) > 1
        stored = _numbers(self.header, number if of_one_frame else 0)
        plane = np.array(stored[tuple(place[:-1] if of_one_frame else place)])
        return plane if self.colour is None else np.moveaxis(plane, kept.index(self.colour), -1)


def looks_like_nrrd(head: bytes) -> bool:
    """Whether a file begins like an NRRD header of any version."""
    return head.startswith(BEGINNING)


def read_nrrd(path: Path) -> Frames:
    """Read an NRRD still or cine, as 3D Slicer, ITK, SimpleITK, pynrrd and teem write them.

    The first axis in space is columns and the second rows; axes of length one mean nothing. Time is an axis that says
    so (kind `time` or `list`, or a step in seconds), the fourth, or the third where its steps are not like pixels
    (`notes_on_third_axis`). Colours stand in an axis that says so, or in a first one of length 3 or 4, which no picture
    is wide. A compressed file is unpacked once per process into a temporary file.

    Args:
        path: `.nrrd`, or `.nhdr` with its numbers in a file beside it or in one for each frame; raw, gzip or bzip2; of
            8-bit numbers, or others within 0 to 255, or real ones within 0 and 1; one, three or four to a pixel.

    Returns:
        Frames with `pixels` uint8 RGB (height, width, 3), upright; `spacing_mm` (row, column), None where both are 1 or
        not in a unit of length; `frame_times_ms` where time has steps in seconds.

    Raises:
        UnreadableFrames: it is damaged or cut short, its numbers are not beside it, it is a 3-D volume, too small or
            large, or of numbers whose black and white are not known.
    """
    try:
        header = read_nrrd_header(path)
        colour, time, space = _axes(header)
        pixels, on_axis = _pixels(path, header, colour, time, space)
        _check_bytes(header, pixels)
        if header.number != "u1":
            pixels = replace(pixels, factor=brightness_factor(pixels))
    except PixelDataError as fault:
        raise UnreadableFrames(path, str(fault)) from fault
    except DAMAGE as fault:
        raise UnreadableFrames(path, "is a damaged NRRD file. Copy or export it again.") from fault
    column_mm, row_mm = (header.steps[axis] * MM.get(header.units[axis], math.nan) for axis in pixels.axes[:2])
    spacing_mm = spacing_of(column_mm, row_mm, pixels.size)
    notes = (*on_axis, *notes_on_spacing(column_mm, row_mm, pixels.size))
    return Frames(path, pixels, pixels.size, _times_ms(pixels), spacing_mm=spacing_mm, notes=notes)


def _axes(header: NrrdHeader) -> tuple[int | None, list[int], list[int]]:
    """Which axis is colour, which time, and which are space; those of one number are space."""
    kinds = ["" if size == 1 else kind for size, kind in zip(header.sizes, header.kinds, strict=True)]
    if len(kinds) > 2 and kinds[0] == "" and header.sizes[0] in (3, 4):
        kinds[0] = "vector"
    colours = [axis for axis, kind in enumerate(kinds) if kind not in (*IN_SPACE, *IN_TIME)]
    if len(colours) > 1 or any(kinds[axis] not in COLOURS or header.sizes[axis] not in (3, 4) for axis in colours):
        raise PixelDataError("does not hold 1, 3 or 4 numbers to a pixel, for grey or RGB. Export it as grey.")
    time = [axis for axis, kind in enumerate(kinds) if kind in IN_TIME or (kind in IN_SPACE and _is_time(header, axis))]
    space = [axis for axis in range(len(kinds)) if axis not in (*colours, *time)]
    return (colours[0] if colours else None), time, space


def _is_time(header: NrrdHeader, axis: int) -> bool:
    return axis > 1 and header.sizes[axis] > 1 and header.units[axis] in MS


def _pixels(
    path: Path, header: NrrdHeader, colour: int | None, time: list[int], space: list[int]
) -> tuple[NrrdPixels, tuple[str, ...]]:
    """The frames, and what must be said of their axes."""
    order = (*space, *time)
    in_space = frame_axes(tuple(header.sizes[axis] for axis in space))
    found = frame_axes(tuple(header.sizes[axis] for axis in order))
    on_axis = notes_on_third_axis(in_space, [header.steps[axis] for axis in space])
    pixels = NrrdPixels(path, header.sizes, tuple(order[axis] for axis in found), header=header, colour=colour)
    last = len(header.sizes) - 1
    if len(header.files) > 1 and pixels.axes[2:] != (last,):
        raise PixelDataError("has its numbers in several files that are no frames. Save it as one .nrrd.")
    return pixels, on_axis


def _check_bytes(header: NrrdHeader, pixels: NrrdPixels) -> None:
    """Refuse, before memory is spent on it, what is larger than any, and what is not all there."""
    number_bytes = np.dtype(header.number).itemsize
    check_frame_bytes(pixels.size, number_bytes * (1 if pixels.colour is None else header.sizes[pixels.colour]))
    needed = math.prod(header.sizes) * number_bytes
    if header.encoding != "raw":
        if needed + header.skipped > MOST_BYTES:
            raise PixelDataError(f"unpacks to more than {MOST_BYTES >> 30} GiB. Export it in parts.")
        return
    there = sum(file.stat().st_size - header.start for file in header.files)
    if there < needed:
        raise PixelDataError(
            f"says that its numbers are {needed} bytes, but {there} are there: it is cut short. Export it again."
        )


def _times_ms(pixels: NrrdPixels) -> tuple[float, ...] | None:
    if len(pixels) == 1:
        return (0.0,)
    axis = pixels.axes[2]
    step_ms = pixels.header.steps[axis] * MS.get(pixels.header.units[axis], 0.0)
    times_ms = tuple(frame * step_ms for frame in range(len(pixels)))
    return times_ms if are_frame_times(times_ms) else None


def _numbers(header: NrrdHeader, part: int) -> NDArray[Any]:
    """All numbers of one of the files, as they lie on the disk; none is read yet."""
    path, parts = header.files[part], len(header.files)
    sizes = header.sizes if parts == 1 else header.sizes[:-1]
    length = math.prod(sizes) * np.dtype(header.number).itemsize
    if header.encoding != "raw":
        file = _open_unpacked(path, path.stat().st_mtime_ns, os.getpid(), header, length + header.skipped)
        return np.memmap(file, header.number, "r", header.skipped, sizes, "F")
    with path.open("rb") as file:
        _pass_lines(file, header)
        offset = file.tell() + header.skipped if header.skipped >= 0 else path.stat().st_size - length
        return np.memmap(file, header.number, "r", offset, sizes, "F")


@lru_cache(maxsize=4)
def _open_unpacked(path: Path, modified_ns: int, process: int, header: NrrdHeader, length: int) -> BinaryIO:
    """The file, unpacked; the last ones stay open, each process has its own."""
    if header.skipped < 0:
        raise ValueError("numbers from the end of what is compressed")
    with path.open("rb") as file:
        _pass_lines(file, header)
        return unpack(cast(BinaryIO, OPENERS[header.encoding](file)), length)


def _pass_lines(file: BinaryIO, header: NrrdHeader) -> None:
    """Go to where the numbers begin, compressed or not."""
    file.seek(header.start)
    for _ in range(header.lines):
        if not file.readline(LONGEST_HEADER).endswith(b"\n"):
            raise ValueError("fewer lines")
