"""Samples to uint8 RGB: the one place where colour is settled (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.frames.dicom.pixel_format import PixelFormat


def to_rgb(samples: NDArray[Any], photometric: str, pixel_format: PixelFormat) -> NDArray[np.uint8]:
    """Turn the samples of one frame into a picture.

    Args:
        samples: (rows, columns) or (rows, columns, 3), 8 or 16 bits, as they stand in the file.
        photometric: what these samples are; a decoder may know better than the header.
        pixel_format: the rest of the Image Pixel attributes.

    Returns:
        uint8 RGB (rows, columns, 3).
    """
    if samples.ndim == 3:
        colour = _eight_bits(samples, pixel_format)
        return ybr_to_rgb(colour) if photometric.startswith("YBR_FULL") else colour
    if photometric == "PALETTE COLOR" and pixel_format.palette is not None:
        return _look_up(pixel_format.palette, samples, pixel_format)
    grey = _grey(samples, pixel_format)
    return as_colour([255 - grey if photometric == "MONOCHROME1" else grey] * 3)


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


def _grey(samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    """8-bit samples as they are, deeper ones through the window, without one over the range of the bits stored."""
    if samples.dtype.itemsize == 1 or pixel_format.window is None:
        return _eight_bits(samples, pixel_format)
    slope, intercept = pixel_format.rescale
    centre, width = pixel_format.window
    values = _stored_values(samples, pixel_format).astype(np.float32) * slope + intercept
    # PS3.3 C.11.2.1.2.1, the linear window, to the range 0 to 255.
    shown = ((values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5) * 255
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8).take(samples)


def _eight_bits(samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    """Scale the range of the bits stored to 0 to 255, the same for every frame, so that a cine does not flicker."""
    if samples.dtype.itemsize == 1 and pixel_format.bits_stored >= 8 and not pixel_format.signed:
        return samples.astype(np.uint8, copy=False)
    bits = min(pixel_format.bits_stored, 8 * samples.dtype.itemsize)
    lowest = -(1 << (bits - 1)) if pixel_format.signed else 0
    shown = (_stored_values(samples, pixel_format).astype(np.float32) - lowest) * (255 / ((1 << bits) - 1))
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8).take(samples)


def _look_up(palette: NDArray[np.uint8], samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[np.uint8]:
    """Palette colours; values beyond either end take the end's colour (PS3.3 C.7.6.3.1.5)."""
    entries = np.clip(_stored_values(samples, pixel_format) - pixel_format.first_index, 0, len(palette) - 1)
    return palette[entries].take(samples, axis=0)


def _stored_values(samples: NDArray[Any], pixel_format: PixelFormat) -> NDArray[np.int32]:
    """What each possible sample means, a table of 256 or 65536 values (PS3.5 8.1.1).

    Unused and overlay bits are removed and the sign restored; so conversions are made once a value, not once a pixel.
    """
    bits = min(pixel_format.bits_stored, 8 * samples.dtype.itemsize)
    shift = max(pixel_format.high_bit + 1 - pixel_format.bits_stored, 0)
    values = (np.arange(1 << (8 * samples.dtype.itemsize), dtype=np.int32) >> shift) & ((1 << bits) - 1)
    sign = 1 << (bits - 1)
    return (values ^ sign) - sign if pixel_format.signed else values
