"""Which numbers are black and white where a file does not say so: told from the numbers it holds, and noted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

FROM_THE_DATA = (
    "The file does not say which of its numbers are black and white: brightness is told from the numbers it holds."
)
ROWS_AT_ONCE = 256  # of a picture, so that wide numbers in between need little memory


def black_and_white(lowest: float, highest: float, step: float = 1.0) -> tuple[float, float]:
    """The numbers that stand for black and white in a picture, or in all frames of a cine.

    They are taken for whole numbers of 8 bits or more, the fewest that hold them; so a dim picture stays dim. Black is
    zero, or the lowest number where that is negative, or where all stand so far above zero that an eighth of the range
    would hold them.

    Args:
        lowest, highest: of all numbers, finite.
        step: between two numbers where they are no whole ones, such as a Rescale Slope; whichever way needs the
            narrower range is taken.
    """
    ranges = [_in_steps(lowest, highest, one) for one in dict.fromkeys((step, 1.0))]
    return min(ranges, key=lambda ends: ends[1] - ends[0])


def _in_steps(lowest: float, highest: float, step: float) -> tuple[float, float]:
    whole, span = _filled(highest / step), _filled((highest - lowest) / step)
    if lowest < 0 or (lowest < highest and 7 * span < whole):
        return lowest, lowest + step * span
    return 0.0, step * whole


def _filled(number: float) -> int:
    """The highest number of as few bits as hold it, 8 at least."""
    bits = max(math.ceil(round(number, 3)), 0).bit_length()
    return int((1 << max(bits, 8)) - 1)


def to_grey(numbers: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Numbers of any shape (rows, ...) as uint8, black 0 and white 255; those beyond are clipped."""
    shown = np.empty(numbers.shape, dtype=np.uint8)
    for rows in bands(len(numbers)):
        scaled = (numbers[rows].astype(np.float32) - black) * (255 / (white - black))
        shown[rows] = np.clip(np.rint(scaled), 0, 255)
    return shown


def bands(rows: int) -> Iterator[slice]:
    """The rows of a picture, some at a time."""
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, rows, ROWS_AT_ONCE))
