"""One square picture of any ultrasound image, and where in it the probe looked.

Black background, menus, rulers, colour bars and burned-in text teach an encoder nothing, so patches are hidden and
scored inside the scan sector only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.frames.sector import scan_sector


@dataclass(frozen=True)
class Picture:
    """One image as pretraining stores it.

    Attributes:
        image: uint8 (3, size, size), RGB, upright, centred on black.
        inside_sector: bool (size, size), True where the probe looked.
    """

    image: NDArray[np.uint8]
    inside_sector: NDArray[np.bool_]


def prepare_picture(pixels: NDArray[np.uint8], size: int) -> Picture:
    """Scale an image to a square with its proportions kept, and find its scan sector (`frames.sector.scan_sector`).

    Args:
        pixels: uint8 (height, width, 3), at least 1x1.
        size: side of the square in px; the long side of the image becomes as long.

    Returns:
        The picture. A black or flat image has no pixel inside, one that is tissue up to its edges has all of its own.
    """
    image, inside = np.zeros((size, size, 3), dtype=np.uint8), np.zeros((size, size), dtype=np.bool_)
    own = _own_place(pixels.shape, size)
    shape = inside[own].shape
    # anti-aliased; Pillow's bilinear filter leaves no ringing beside the sector's edge
    image[own] = np.asarray(Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0))
    inside[own] = scan_sector(pixels, shape)
    return Picture(np.ascontiguousarray(image.transpose(2, 0, 1)), inside)


def prepare_pixel_label(label: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Scale the labels of an image's pixels as `prepare_picture` scales the image, by nearest neighbour.

    Args:
        label: uint8 (height, width).
        size: side of the square in px.

    Returns:
        uint8 (size, size), 0 beyond the image.
    """
    square = np.zeros((size, size), dtype=np.uint8)
    own = _own_place(label.shape, size)
    square[own] = np.asarray(Image.fromarray(label).resize(square[own].shape[::-1], Image.Resampling.NEAREST))
    return square


def _own_place(shape: tuple[int, ...], size: int) -> tuple[slice, slice]:
    """Rows and columns of the square that an image of (height, width, ...) fills."""
    height, width = shape[:2]
    factor = size / max(height, width)
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    top, left = (size - rows) // 2, (size - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)
