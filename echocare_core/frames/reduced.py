"""Pictures larger than any scanner's, made smaller before they become tensors: memory and time stay bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.frames.lazy import LazyPixels
from echocare_core.types import Frames, Region, Scale

Number = TypeVar("Number", bound=np.generic)
_BAND = 64  # rows of the result that are made at once


@dataclass(frozen=True)
class ReducedPixels(LazyPixels):
    """The frames of a file, each the means of squares of pixels.

    Attributes:
        recorded: the frames as they were recorded, uint8 RGB (height, width, 3) each.
        factor: side of a square.
    """

    recorded: Sequence[NDArray[np.uint8]]
    factor: int

    def __len__(self) -> int:
        return len(self.recorded)

    def decode(self, number: int) -> NDArray[np.uint8]:
        """One frame, uint8 RGB (ceil(height / factor), ceil(width / factor), 3)."""
        return reduce_picture(self.recorded[number], self.factor)


def reduced_frames(frames: Frames, most_pixels: int) -> Frames:
    """The same frames with about so many pixels each at most; as they are where they have no more.

    Size, regions and calibration are those of the smaller frames, and `recorded_size` says what they were.
    """
    height, width = frames.size
    factor = reduction(height * width, most_pixels)
    if factor == 1:
        return frames
    return replace(
        frames,
        pixels=ReducedPixels(frames.pixels, factor),
        size=(ceil(height / factor), ceil(width / factor)),
        regions=tuple(_reduced_region(region, factor) for region in frames.regions),
        spacing_mm=_times(frames.spacing_mm, factor),
        recorded_size=frames.size,
    )


def reduction(pixels: int, most_pixels: int) -> int:
    """The smallest whole factor by which both sides are divided so that `pixels` become `most_pixels` or fewer."""
    return max(1, isqrt(ceil(pixels / most_pixels) - 1) + 1)


def reduce_picture(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The means of squares of pixels, band by band; squares at the lower and right edge may be smaller.

    Args:
        picture: uint8 RGB (height, width, 3).
        factor: side of a square, 1 or more.

    Returns:
        uint8 RGB (ceil(height / factor), ceil(width / factor), 3).
    """
    bands = range(0, len(picture), factor * _BAND)
    return np.concatenate(
        [np.asarray(Image.fromarray(picture[top : top + factor * _BAND]).reduce(factor)) for top in bands]
    )


def enlarge_mask(values: NDArray[Number], size: tuple[int, int]) -> NDArray[Number]:
    """A mask, or map, of reduced frames at the size (height, width) that was recorded: every pixel becomes a square."""
    factor = ceil(size[0] / len(values))
    return values if factor == 1 else values.repeat(factor, axis=0)[: size[0]].repeat(factor, axis=1)[:, : size[1]]


def _reduced_region(region: Region, factor: int) -> Region:
    top, left, bottom, right = region.box
    return replace(
        region,
        box=(top // factor, left // factor, ceil(bottom / factor), ceil(right / factor)),
        spacing_mm=_times(region.spacing_mm, factor),
        down=_reduced_scale(region.down, factor),
        across=_reduced_scale(region.across, factor),
    )


def _reduced_scale(scale: Scale | None, factor: int) -> Scale | None:
    if scale is None:
        return None
    reference_px = None if scale.reference_px is None else scale.reference_px / factor
    return replace(scale, per_pixel=scale.per_pixel * factor, reference_px=reference_px)


def _times(spacing_mm: tuple[float, float] | None, factor: int) -> tuple[float, float] | None:
    return spacing_mm and (spacing_mm[0] * factor, spacing_mm[1] * factor)
