"""Overlays of a size that screens show: very large frames are drawn smaller, and what was found on them with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echocare_core.types import Boxes, ClassActivation, Mask, Measurement, Output, Points

LARGEST_SIDE = 2048  # pixels; a frame of a scanner's screen, up to 1920 x 1200, is drawn as it was recorded
_Output = TypeVar("_Output", bound=Output)


def shrinkage(height: int, width: int) -> int:
    """Whole factor by which a frame is drawn smaller."""
    return ceil(max(height, width) / LARGEST_SIDE)


def smaller(output: _Output, factor: int) -> _Output:
    """An output with its places in pixels of the smaller frame."""
    move = _SMALLER.get(type(output))
    return output if factor == 1 or move is None else move(output, factor)


def _thinned(values: NDArray[Any], factor: int) -> NDArray[Any]:
    """The middle pixel of each square."""
    rows, columns = (np.minimum(np.arange(0, side, factor) + factor // 2, side - 1) for side in values.shape)
    return values[rows][:, columns]


def _of_centres(places_px: NDArray[np.floating], factor: int) -> NDArray[np.floating]:
    """Places where a pixel's centre has whole numbers."""
    return (places_px + 0.5) / factor - 0.5


_SMALLER: dict[type, Callable[[Any, int], Any]] = {
    Mask: lambda mask, factor: replace(mask, values=_thinned(mask.values, factor)),
    ClassActivation: lambda one, factor: replace(one, evidence=_thinned(one.evidence, factor)),
    Boxes: lambda boxes, factor: replace(boxes, corners_px=boxes.corners_px / factor),
    Points: lambda points, factor: replace(points, positions_px=_of_centres(points.positions_px, factor)),
    Measurement: lambda one, factor: replace(
        one, line_px=None if one.line_px is None else _of_centres(one.line_px, factor)
    ),
}
