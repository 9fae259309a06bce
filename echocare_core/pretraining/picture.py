"""One square picture of any ultrasound image, and where in it the probe looked.

Black background, menus, rulers, colour bars and burned-in text teach an encoder nothing, so patches are hidden and
scored inside the scan sector only. Background is flat and of one or a few grey levels, black or a menu's; text, rulers
and bars on it are thin or small. Sectors are nearly convex, so the hull of what is left is the sector, with its shadows
and vessels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import label, maximum_filter, minimum_filter
from scipy.spatial import ConvexHull, QhullError

# All lengths are pixels of a copy whose long side is WORK_PX. Chosen on the training split of AUL liver.
WORK_PX = 96
FLAT, OTHER = 1, 1  # grey levels: range of a flat 3x3 neighbourhood, and how far apart two pixels of one level may be
LARGE = 0.05  # share of the picture that is flat and of one grey level, from which that level is background
GAP, THIN = 1, 2  # radius of the closing that bridges gaps in tissue, and of the opening that removes text and rulers
SMALL_PART = 0.1  # parts below this share of the largest are no tissue


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
    """Scale an image to a square with its proportions kept, and find its scan sector.

    Measured at 160 px on the 73 drawn fields of view of AUL liver's validation split: IoU 0.921 on average, 0.836 at
    the 5th percentile. What it misses is mostly black shadow along a flank.

    Args:
        pixels: uint8 (height, width, 3), at least 1x1.
        size: side of the square in px; the long side of the image becomes as long.

    Returns:
        The picture. A black or flat image has no pixel inside, one that is tissue up to its edges has all of its own.
    """
    scaled = _scaled(Image.fromarray(pixels), size)
    top, left = (size - scaled.height) // 2, (size - scaled.width) // 2
    own = np.s_[top : top + scaled.height, left : left + scaled.width]
    image, inside = np.zeros((size, size, 3), dtype=np.uint8), np.zeros((size, size), dtype=np.bool_)
    image[own] = np.asarray(scaled)
    inside[own] = _sector(scaled)
    return Picture(np.ascontiguousarray(image.transpose(2, 0, 1)), inside)


def _scaled(image: Image.Image, long_side: int, how: Image.Resampling = Image.Resampling.BILINEAR) -> Image.Image:
    """Anti-aliased; Pillow's bilinear filter leaves no ringing beside the sector's edge."""
    factor = long_side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, how, reducing_gap=2.0)


def _sector(image: Image.Image) -> NDArray[np.bool_]:
    """Bool, as large as the image."""
    grey = np.asarray(_scaled(image.convert("L"), WORK_PX, Image.Resampling.BOX))
    closed = _eroded(_dilated(_unlike_background(grey), GAP), GAP, outside=1)
    opened = _dilated(_eroded(closed, THIN, outside=0), THIN)
    hull = _hull(_large_parts(opened))
    hull = _eroded(hull, 1, outside=1)  # a pixel of the copy that is lit in a corner only counted as tissue until here
    return np.asarray(Image.fromarray(hull * 255).resize(image.size, Image.Resampling.BILINEAR)) > 127


def _unlike_background(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where a pixel differs from the grey levels of large flat areas, black and those of menus; else 0."""
    flat = maximum_filter(grey, 3) - minimum_filter(grey, 3) <= FLAT
    of_level = np.bincount(grey[flat], minlength=256) >= LARGE * grey.size
    background = maximum_filter(of_level.astype(np.uint8), 2 * OTHER + 1, mode="constant")
    return np.asarray(1 - background[grey])


def _dilated(mask: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    return np.asarray(maximum_filter(mask, 2 * radius + 1, mode="constant", cval=0))


def _eroded(mask: NDArray[np.uint8], radius: int, outside: int) -> NDArray[np.uint8]:
    return np.asarray(minimum_filter(mask, 2 * radius + 1, mode="constant", cval=outside))


def _large_parts(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The largest connected part and others down to SMALL_PART of its area, for shadows cut tissue apart."""
    numbers, _ = label(mask)
    areas = np.bincount(numbers.ravel())
    areas[0] = 0  # the background
    return np.asarray((areas >= max(1.0, SMALL_PART * areas.max()))[numbers])


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The convex hull of a mask, as 0 and 1; a mask without area stays as it is."""
    rows = np.flatnonzero(mask.any(axis=1))
    first, last = mask.argmax(axis=1)[rows], mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)[rows]
    ends = np.concatenate([np.stack([first, rows], axis=1), np.stack([last, rows], axis=1)])
    try:
        corners = ends[ConvexHull(ends).vertices]
    except (QhullError, ValueError):  # too few points, or all on one line
        return mask.astype(np.uint8)
    drawn = Image.new("L", (mask.shape[1], mask.shape[0]))
    ImageDraw.Draw(drawn).polygon([(int(column), int(row)) for column, row in corners], fill=1, outline=1)
    return np.array(drawn)
