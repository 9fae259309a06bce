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
    scaled = _scale(Image.fromarray(pixels), size)
    top, left = (size - scaled.height) // 2, (size - scaled.width) // 2
    own = np.s_[top : top + scaled.height, left : left + scaled.width]
    image, inside = np.zeros((size, size, 3), dtype=np.uint8), np.zeros((size, size), dtype=np.bool_)
    image[own] = np.asarray(scaled)
    inside[own] = scan_sector(pixels, (scaled.height, scaled.width))
    return Picture(np.ascontiguousarray(image.transpose(2, 0, 1)), inside)


def _scale(image: Image.Image, long_side: int) -> Image.Image:
    """Anti-aliased; Pillow's bilinear filter leaves no ringing beside the sector's edge."""
    factor = long_side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
