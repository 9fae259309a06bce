"""Pictures stored as arrays of numbers, NIfTI, MetaImage and NRRD: which axis is what, and numbers to uint8 RGB.

These formats store columns first, then rows (ITK's x and y), then whatever else there is. Their tools read an array
(columns, rows): a picture lies on its side in it. What the files say about the patient's axes is made up, since an
ultrasound picture has none, and is not used.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.grey import bands
from echocare_core.frames.lazy import LazyPixels
from echocare_core.frames.plausible import NOT_A_LENGTH, is_spacing, is_within
from echocare_core.frames.size import check_size

# What a damaged file makes nibabel, ITK and gzip raise.
DAMAGE = (
    *(OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, EOFError),
    zlib.error,
)
MOST_FRAMES = 1 << 18  # an hour at 72 frames a second
LARGEST_FRAME = 1 << 27  # bytes: the largest picture in 64 bits; ITK holds four times as much
LIKE_A_PIXEL = (0.25, 4.0)  # how far apart the planes of a volume are, in pixels
THIRD_AXIS = "Its third axis is taken for time: the file does not say whether it is a cine or a volume."


@dataclass(frozen=True, eq=False)
class VolumePixels(LazyPixels):
    """The frames of a stored array.

    Attributes:
        path: the file.
        shape: of the array, as it is stored: columns, rows and the rest.
        axes: numbers of the axes that are columns, rows and, for a cine, time.
        factor: that the numbers are multiplied by to reach 0 to 255.
    """

    path: Path
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    factor: float = 1.0

    def __len__(self) -> int:
        return self.shape[self.axes[2]] if len(self.axes) == 3 else 1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels, upright."""
        return self.shape[self.axes[1]], self.shape[self.axes[0]]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the picture stands in: a header may have its numbers in others."""
        return (self.path,)

    @abstractmethod
    def plane(self, number: int) -> NDArray[Any]:
        """The numbers of one frame as they are stored: (columns, rows) or (columns, rows, 3 or 4 colours)."""

    def decode(self, number: int) -> NDArray[np.uint8]:
        """One frame, RGB uint8 (height, width, 3); UnreadableFrames where it is damaged or cannot be shown."""
        frame = f"frame {number + 1} of {len(self)}"
        try:
            plane = self.plane(number)
        except PixelDataError as fault:
            raise UnreadableFrames(self.path, str(fault), frame) from fault
        except DAMAGE as fault:
            raise UnreadableFrames(
                self.path, "cannot be decoded; the file is damaged or cut short. Copy or export it again.", frame
            ) from fault
        if plane.shape[:2] != self.size[::-1]:
            raise UnreadableFrames(self.path, "has another size than its header said. Read the file again.", frame)
        return to_rgb(plane, self.factor)


def frame_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes of a stored array, without that of its colours, that are columns, rows and time.

    Axes of length one mean nothing, wherever they stand.

    Raises:
        PixelDataError: there are fewer than two or more than three, the picture is smaller than 16x16 px or larger
            than any, or there are more frames than any cine has.
    """
    axes = tuple(axis for axis, length in enumerate(shape) if length > 1)
    if len(axes) > 3:
        raise PixelDataError("is a 3-D volume over time; 2-D stills and cines are read. Export its planes.")
    width, height = (shape[axis] for axis in axes[:2]) if len(axes) > 1 else (max(shape, default=0), 1)
    check_size(height, width)
    if len(axes) == 3 and shape[axes[2]] > MOST_FRAMES:
        raise PixelDataError(f"has {shape[axes[2]]} frames, more than any cine. Export it again.")
    return axes


def check_frame_bytes(size: tuple[int, int], bytes_per_pixel: int) -> None:
    """Refuse, before memory is spent on it, a frame of numbers so wide that it takes more than any picture.

    Raises:
        PixelDataError: it does.
    """
    frame_bytes = size[0] * size[1] * bytes_per_pixel
    if frame_bytes > LARGEST_FRAME:
        raise PixelDataError(f"has frames of {frame_bytes >> 20} MiB, more than any picture. Export it as 8-bit.")


def notes_on_third_axis(axes: tuple[int, ...], steps: Sequence[float]) -> tuple[str, ...]:
    """What must be said where frames stand along the third axis, which these formats have for space.

    Tools that know no other place keep time there, and leave its step at 1 or make it up: 1.54 beside 0.308 and 0.154
    in CAMUS. A volume has planes about as far apart as its pixels. NIfTI's own axis of time is the fourth.

    Args:
        axes: those of columns, rows and, for a cine, time.
        steps: of each stored axis, in the unit of the file.

    Raises:
        PixelDataError: it is a volume.
    """
    if len(axes) < 3 or axes[2] > 2:
        return ()
    pixel, step = max(steps[axis] for axis in axes[:2]), steps[axes[2]]
    if step != 1 and pixel > 0 and is_within(step / pixel, LIKE_A_PIXEL):
        raise PixelDataError(
            f"is a 3-D volume, whose third axis has steps of {step:.3g} beside pixels of {pixel:.3g}; 2-D stills and "
            "cines are read. Export its planes, or store time as the fourth axis."
        )
    return (THIRD_AXIS,)


def brightness_factor(pixels: VolumePixels) -> float:
    """What the numbers of a file that are not 8-bit must be multiplied by to reach 0 to 255.

    It takes a pass over all frames, so that a cine has one factor: 255 where real numbers stay within 0 and 1, as
    training software writes them, else 1.

    Raises:
        PixelDataError: numbers outside 0 to 255: which of them are black and white is not known.
    """
    highest, real = 0.0, False
    for number in range(len(pixels)):
        plane = pixels.plane(number)
        real, highest = real or plane.dtype.kind == "f", max(highest, float(plane.max()))
        if not (plane.min() >= 0 and plane.max() <= 255):  # not a number is neither
            raise PixelDataError(
                "holds numbers outside 0 to 255, so which of them are black and white is not known. Export it as 8-bit."
            )
    return 255.0 if real and highest <= 1 else 1.0


def to_rgb(plane: NDArray[Any], factor: float) -> NDArray[np.uint8]:
    """Numbers (columns, rows) or (columns, rows, 3 or 4 colours) as upright uint8 RGB (height, width, 3)."""
    upright = plane.swapaxes(0, 1)
    picture = np.empty((*upright.shape[:2], 3), dtype=np.uint8)
    for rows in bands(len(upright)):
        band = upright[rows, :, :3] if upright.ndim == 3 else upright[rows, :, np.newaxis]
        if band.dtype != np.uint8:
            band = np.clip(np.rint(np.nan_to_num(band * factor)), 0, 255)
        picture[rows] = band
    return picture


def spacing_of(column_mm: float, row_mm: float, size: tuple[int, int]) -> tuple[float, float] | None:
    """(row, column) millimetres per pixel of a picture of that size (height, width).

    None where both are 1 or 0, which these formats say when nothing is known, and where ultrasound has none such.
    """
    known = (column_mm, row_mm) != (1, 1) and is_spacing(row_mm, column_mm, *size)
    return (float(row_mm), float(column_mm)) if known else None


def notes_on_spacing(column_mm: float, row_mm: float, size: tuple[int, int]) -> tuple[str, ...]:
    """Why a calibration that the file has is not used; nothing where it is, or where the file has none."""
    has_one = (column_mm, row_mm) not in ((1, 1), (0, 0))
    return (NOT_A_LENGTH,) if has_one and spacing_of(column_mm, row_mm, size) is None else ()
