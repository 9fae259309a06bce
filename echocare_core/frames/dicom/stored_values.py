"""Stored values to numbers, and which are black and white where the object does not say (PS3.3 C.7.6.3, C.11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.frames.dicom.pixel_format import PixelFormat
from echocare_core.frames.grey import bands, black_and_white

FILLED = 0.25  # of the range that a header names: less, and its words are not about these pixels


def stored_values(samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[np.int32]:
    """What each possible sample means, a table of 256 or 65536 values (PS3.5 8.1.1).

    Unused and overlay bits are removed and the sign restored; so conversions are made once a value, not once a pixel.
    """
    bits = min(pixel_format.bits_stored, 8 * samples.dtype.itemsize)
    shift = max(pixel_format.high_bit + 1 - pixel_format.bits_stored, 0)
    values = (np.arange(1 << (8 * samples.dtype.itemsize), dtype=np.int32) >> shift) & ((1 << bits) - 1)
    sign = 1 << (bits - 1)
    return (values ^ sign) - sign if pixel_format.signed else values


def rescaled(values: NDArray[np.int32], pixel_format: PixelFormat) -> NDArray[np.float64]:
    """Values with the modality table, or slope and intercept, applied, which only grey has (PS3.3 C.11.1)."""
    if pixel_format.modality_table is not None:
        return pixel_format.modality_table.look_up(values)
    slope, intercept = pixel_format.rescale if pixel_format.samples == 1 else (1.0, 0.0)
    return values.astype(np.float64) * slope + intercept


def find_range(frames: Iterable[NDArray[Any]], pixel_format: PixelFormat) -> tuple[float, float]:
    """The rescaled values that are black and white in all frames of an object, so that a cine does not flicker.

    Those of Smallest and Largest Image Pixel Value (0028,0106) and (0028,0107), where all samples lie within and fill a
    quarter of them at least; else they are told from the samples (`frames.grey.black_and_white`). Padding counts for
    nothing.

    Args:
        frames: samples of each, as they stand in the file; one frame is in memory at a time.
        pixel_format: what they mean.
    """
    used = np.zeros(0, dtype=np.int32)
    for samples in frames:
        used = np.union1d(used, stored_values(samples, pixel_format)[_occurring(samples)])
    shown = used[~is_padding(used, pixel_format)]
    shown = shown if len(shown) else np.zeros(1, dtype=np.int32)
    named = _signed(pixel_format.named, pixel_format)
    if named and _is_about(named, shown):
        ends = rescaled(np.array(named, dtype=np.int32), pixel_format)
        return float(ends.min()), float(ends.max())
    numbers = rescaled(shown, pixel_format)
    lowest = float(numbers.min()) if pixel_format.samples == 1 else 0.0  # a colour is lost where its zero moves
    return black_and_white(lowest, float(numbers.max()), abs(pixel_format.rescale[0]))


def _is_about(named: tuple[float, float], values: NDArray[np.int32]) -> bool:
    """Whether values lie within what a header names, and fill enough of it."""
    (low, high), lowest, highest = named, int(values.min()), int(values.max())
    return low < high and low <= lowest and highest <= high and highest - lowest > FILLED * (high - low)


def is_padding(values: NDArray[np.int32], pixel_format: PixelFormat) -> NDArray[np.bool_]:
    """Which values stand for no picture (PS3.3 C.7.5.1.1.2)."""
    ends = _signed(pixel_format.padding, pixel_format)
    return np.zeros(values.shape, dtype=bool) if ends is None else (values >= min(ends)) & (values <= max(ends))


def _occurring(samples: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each possible sample occurs."""
    possible = 1 << (8 * samples.dtype.itemsize)
    occurring = np.zeros(possible, dtype=bool)
    for rows in bands(len(samples)):
        occurring |= np.bincount(samples[rows].ravel(), minlength=possible) > 0
    return occurring


def _signed(ends: tuple[float, float] | None, pixel_format: PixelFormat) -> tuple[float, float] | None:
    """Two values of an attribute whose VR follows the sign of the pixels (US or SS), which some writers forget."""
    if ends is None or not pixel_format.signed or max(ends) < 1 << 15:
        return ends
    first, last = (end - (1 << 16) if end >= 1 << 15 else end for end in ends)
    return first, last
