"""NIfTI stills and cines to Frames, through nibabel."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.plausible import are_frame_times
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
from echocare_core.optional import import_package
from echocare_core.types import Frames

GZIP = b"\x1f\x8b"
NIFTI_1, NIFTI_2, LONGEST_HEADER = b"n+1\0", b"n+2\0", 540
MM = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
MS = {"sec": 1000.0, "msec": 1.0, "usec": 0.001}


@dataclass(frozen=True, eq=False)
class NiftiPixels(VolumePixels):
    """The frames of a NIfTI file.

    Attributes:
        colour: number of the axis that holds the colours; None for grey, and for colours stored in one number.
    """

    colour: int | None = None

    def plane(self, number: int) -> NDArray[Any]:
        """The stored numbers of one frame, as `VolumePixels.plane` asks."""
        stored = _open(self.path).dataobj
        place: list[Any] = [0] * len(self.shape)
        for axis in (*self.axes[:2], *(() if self.colour is None else (self.colour,))):
            place[axis] = slice(None)
        if len(self.axes) == 3:
            place[self.axes[2]] = number
        plane = np.asarray(stored[tuple(place)])
        if plane.dtype.names:  # RGB24 and RGBA32
            plane = np.stack([plane[name] for name in plane.dtype.names], axis=-1)
        return plane


def looks_like_nifti(head: bytes) -> bool:
    """Whether a file that begins with these bytes (1024 at least) is NIfTI-1 or 2, compressed with gzip or not."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, LONGEST_HEADER)
        except zlib.error:
            return False
    return head[344:348] == NIFTI_1 or head[4:8] == NIFTI_2


def read_nifti(path: Path) -> Frames:
    """Read a NIfTI still or cine, as MONAI Label, MONAI, ITK and nibabel write them.

    The first axis is taken as columns and the second as rows, as all of these store them; axes of length one mean
    nothing. Time is the fourth axis, or the third where its steps are not like pixels (`notes_on_third_axis`). Colours
    stand in the fifth axis (ITK), in a fourth of length three (MONAI), or in each number (RGB24).

    Needs nibabel: `pip install 'echocare[nifti]'`. A compressed file is unpacked once per process into a temporary
    file, so that any frame can be had at once.

    Args:
        path: `.nii` or `.nii.gz`, of 8-bit numbers, or others within 0 to 255, or real ones within 0 and 1.

    Returns:
        Frames with `pixels` uint8 RGB (height, width, 3), upright; `spacing_mm` (row, column), None where both are 1,
        which is what converters write for an ultrasound picture they cannot measure; `frame_times_ms` where a fourth
        axis has a step in seconds other than 1.

    Raises:
        UnreadableFrames: nibabel is not installed; the file is damaged, a pair of files, a 3-D volume, too small or
            large, or of numbers whose black and white are not known.
    """
    try:
        nibabel = _import_nibabel(path)
        with _open_plain(path) as file:
            image = _image(nibabel, file)
        shape = tuple(int(length) for length in image.shape)
        colour = _colour_axis(shape)
        axes = frame_axes(tuple(1 if axis == colour else length for axis, length in enumerate(shape)))
        pixels = NiftiPixels(path, shape, axes, colour=colour)
        zooms = [float(zoom) for zoom in image.header.get_zooms()]
        on_axis = notes_on_third_axis(axes, zooms)
        colours = 1 if colour is None else shape[colour]
        check_frame_bytes(pixels.size, image.dataobj.dtype.itemsize * colours)
        if _bytes_of(image) > MOST_BYTES:
            raise PixelDataError(f"unpacks to more than {MOST_BYTES >> 30} GiB. Export it in parts.")
        if not _is_8_bit(image.dataobj):
            pixels = replace(pixels, factor=brightness_factor(pixels))
        length_unit, time_unit = image.header.get_xyzt_units()
    except PixelDataError as fault:
        raise UnreadableFrames(path, str(fault)) from fault
    except DAMAGE as fault:
        raise UnreadableFrames(path, "is a damaged NIfTI file. Copy or export it again.") from fault
    column_mm, row_mm = (zooms[axis] * MM.get(length_unit, 1.0) for axis in axes[:2])
    times_ms = _times_ms(pixels, zooms, time_unit)
    spacing_mm = spacing_of(column_mm, row_mm, pixels.size)
    notes = (*on_axis, *notes_on_spacing(column_mm, row_mm, pixels.size))
    return Frames(path, pixels, pixels.size, times_ms, spacing_mm=spacing_mm, notes=notes)


def _import_nibabel(path: Path) -> Any:
    return import_package("nibabel", subject="is a NIfTI picture, which", error=partial(UnreadableFrames, path))


def _is_8_bit(stored: Any) -> bool:
    """Whether numbers stand in the file as they are shown; RGB24 and RGBA32 are structures of 8-bit numbers."""
    return stored.dtype.names is not None or (stored.dtype == np.uint8 and (stored.slope, stored.inter) == (1, 0))


def _colour_axis(shape: tuple[int, ...]) -> int | None:
    if len(shape) == 5 and shape[4] in (3, 4):
        return 4
    return 3 if len(shape) == 4 and shape[3] == 3 else None


def _times_ms(pixels: VolumePixels, zooms: list[float], unit: str) -> tuple[float, ...] | None:
    if len(pixels) == 1:
        return (0.0,)
    axis = pixels.axes[2]
    step = zooms[axis] if axis == 3 and unit in MS else 0.0  # the fourth axis is that of time
    times_ms = tuple(frame * step * MS.get(unit, 1.0) for frame in range(len(pixels)))
    return times_ms if (unit, step) != ("sec", 1.0) and are_frame_times(times_ms) else None


def _open(path: Path) -> Any:
    """The file as nibabel sees it; the last ones stay open, each process has its own."""
    return _open_image(path, path.stat().st_mtime_ns, os.getpid())


@lru_cache(maxsize=4)
def _open_image(path: Path, modified_ns: int, process: int) -> Any:
    nibabel, file = _import_nibabel(path), _open_plain(path)
    image = _image(nibabel, file)
    if not isinstance(file, gzip.GzipFile):
        return image
    with file:
        file.seek(0)
        return _image(nibabel, unpack(cast(BinaryIO, file), _bytes_of(image)))


def _bytes_of(image: Any) -> int:
    """Bytes of a file up to its last number, as its header has it."""
    return int(image.dataobj.offset) + math.prod(image.shape) * int(image.dataobj.dtype.itemsize)


def _image(nibabel: Any, file: BinaryIO) -> Any:
    """A NIfTI image over an open file, its header read; numbers are read through the file when asked for."""
    head = file.read(8)
    file.seek(0)
    kind = nibabel.Nifti2Image if head[4:8] == NIFTI_2 else nibabel.Nifti1Image
    faults = nibabel.spatialimages.HeaderDataError, nibabel.filebasedimages.ImageFileError
    try:
        return kind.from_file_map(kind.make_file_map({"image": file}), mmap=False)
    except (*faults, nibabel.wrapstruct.WrapStructError) as fault:
        raise ValueError("no NIfTI header") from fault


def _open_plain(path: Path) -> BinaryIO:
    """The file, as if it were not compressed; reading on is quick, going back is not."""
    file = path.open("rb")
    packed = file.read(2) == GZIP
    file.seek(0)
    return cast(BinaryIO, gzip.open(file)) if packed else file
