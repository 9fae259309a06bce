"""Samples to uint8 RGB: the one place where colour is settled (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.frames.dicom.pixel_format import PixelFormat
from echocare_core.frames.dicom.stored_values import is_padding, rescaled, stored_values
from echocare_core.frames.grey import bands, to_grey


def to_rgb(
    samples: NDArray[Any], photometric: str, pixel_format: PixelFormat, ends: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Turn the samples of one frame into a picture.

    Args:
        samples: (rows, columns) or (rows, columns, 3), 8 or 16 bits, as they stand in the file.
        photometric: what these samples are; a decoder may know better than the header.
        pixel_format: the rest of the Image Pixel attributes.
        ends: the values that are black and white, where `pixel_format` says neither.

    Returns:
        uint8 RGB (rows, columns, 3).
    """
    if photometric == "PALETTE COLOR" and samples.ndim == 2 and pixel_format.palette is not None:
        return _look_up(pixel_format.palette, samples, pixel_format)
    shown = samples if _is_plain(samples, pixel_format) else look_up(_shades(samples, pixel_format, ends), samples)
    if samples.ndim == 3:
        return ybr_to_rgb(shown) if photometric.startswith("YBR_FULL") else shown
    return as_colour([255 - shown if photometric == "MONOCHROME1" else shown] * 3)


def as_colour(channels: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Three arrays (rows, columns) as one (rows, columns, 3); one after the other, numpy is four times as fast."""
    colour = np.empty((*channels[0].shape, 3), dtype=channels[0].dtype)
    for number, channel in enumerate(channels):
        colour[..., number] = channel
    return colour


def ybr_to_rgb(ybr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert uint8 (rows, columns, 3) from YBR_FULL to RGB (PS3.3 C.7.6.3.1.2), which is JFIF's conversion."""
    rows, columns, _ = ybr.shape
    image = Image.frombuffer("YCbCr", (columns, rows), np.ascontiguousarray(ybr), "raw", "YCbCr", 0, 1)
    return np.array(image.convert("RGB"))


def look_up(table: NDArray[Any], samples: NDArray[Any]) -> NDArray[Any]:
    """What a table has for each sample (rows, ...); some rows at a time, for numpy makes eight bytes of each index."""
    found = np.empty((*samples.shape, *table.shape[1:]), dtype=table.dtype)
    for rows in bands(len(samples)):
        found[rows] = table.take(samples[rows], axis=0)
    return found


def _is_plain(samples: NDArray[Any], pixel_format: PixelFormat) -> bool:
    """Whether samples are shades already; grey of 8 bits is, but where a table says otherwise."""
    if samples.ndim == 2 and pixel_format.has_table:
        return False
    return samples.dtype.itemsize == 1 and pixel_format.bits_stored >= 8 and not pixel_format.signed


def _shades(samples: NDArray[Any], pixel_format: PixelFormat, ends: tuple[float, float] | None) -> NDArray[np.uint8]:
    """The shade of each possible sample: grey through the table or window of the object, else from black to white,
    whoever names them; else over the range of the bits stored. It is the same for every frame: a cine does not
    flicker."""
    values = stored_values(samples, pixel_format)
    numbers = rescaled(values, pixel_format)
    if samples.ndim == 2 and pixel_format.voi_table is not None:
        numbers, ends = pixel_format.voi_table.look_up(numbers), (0.0, float(pixel_format.voi_table.white))
    elif samples.ndim == 2 and pixel_format.window is not None:
        centre, width = pixel_format.window
        # PS3.3 C.11.2.1.2.1, the linear window, as its ends.
        black = centre - 0.5 - max(width - 1, 1e-6) / 2
        ends = black, black + max(width - 1, 1e-6)
    elif ends is None:
        lowest = -(1 << (pixel_format.bits_stored - 1)) if pixel_format.signed else 0
        bits = min(pixel_format.bits_stored, 8 * samples.dtype.itemsize)
        numbers, ends = values.astype(np.float64), (lowest, lowest + (1 << bits) - 1)
    return np.where(is_padding(values, pixel_format), np.uint8(0), to_grey(numbers, *ends))


def _look_up(palette: NDArray[np.uint8], samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    """Palette colours; values beyond either end take the end's colour (PS3.3 C.7.6.3.1.5)."""
    entries = np.clip(stored_values(samples, pixel_format) - pixel_format.first_index, 0, len(palette) - 1)
    return look_up(palette[entries], samples)
