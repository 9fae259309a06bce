"""Pictures that look alike: one that was compressed, scaled or mirrored anew, told from others by its thumbnail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, TILE = 32, 8  # of a thumbnail, and of the tiles in which its detail is compared
FLAT = 2.0  # grey levels: the noise that compression leaves in a tile without detail
FEWEST_TILES = 4  # with detail; fewer tell no picture from another
# Of 665,000 pairs of pictures in two splits of six data sets 5 are as alike: 4 show one patient, to the eye. Copies as
# JPEG of quality 30, scaled by 0.5 to 2 or brightened have 0.97 and more.
ALIKE = 0.94
SAME = 8  # grey levels between the thumbnails of copies, at most: 5 as JPEG or scaled, 39 and more in those 5 pairs
ASPECT = 0.02  # by which the sides of a scaled picture may be rounded
AT_ONCE = 1024  # thumbnails, which need a few megabytes

Thumbnail = NDArray[np.uint8]


@dataclass(frozen=True)
class Alike:
    """Two pictures that look alike.

    Attributes:
        numbers: of the pictures in their two lists, from 0.
        likeness: mean correlation of their tiles, `ALIKE` to 1.
        mirrored: one is the other's mirror image, left for right.
        same: they differ by no more than copies do, `SAME`; else by as much as neighbouring frames of a cine.
    """

    numbers: tuple[int, int]
    likeness: float
    mirrored: bool
    same: bool


def thumbnail_of(pixels: NDArray[np.uint8]) -> Thumbnail:
    """A picture, uint8 RGB (height, width, 3), in grey, small and square: (32, 32)."""
    small = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def has_aspect_of(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether pictures of two sizes, (height, width), can be one picture that was scaled."""
    return abs(log(size[0] * other[1]) - log(size[1] * other[0])) <= ASPECT


def find_alike(thumbnails: NDArray[np.uint8], others: NDArray[np.uint8]) -> Iterator[Alike]:
    """Find each picture that looks like one of others, or like its mirror image.

    Compared is the detail within tiles, each for itself, so that neither the brightness nor the frame that a scanner
    draws around every picture makes two alike.

    Args:
        thumbnails: uint8 (number, 32, 32).
        others: the same of those to compare them with.
    """
    for mirrored in (False, True):
        theirs = others[..., ::-1] if mirrored else others
        for left, right in ((a, b) for a in range(0, len(thumbnails), AT_ONCE) for b in range(0, len(theirs), AT_ONCE)):
            one, other = thumbnails[left : left + AT_ONCE], theirs[right : right + AT_ONCE]
            likeness = _details(one) @ _details(other).T
            for i, j in np.argwhere(likeness >= ALIKE):
                same = bool(np.abs(one[i].astype(int) - other[j]).max() <= SAME)
                yield Alike((int(left + i), int(right + j)), float(likeness[i, j]), mirrored, same)


def _details(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of each thumbnail the detail in its tiles, as a vector of length 1 whose products are likenesses.

    One with detail in fewer tiles than `FEWEST_TILES` has the vector 0, which is like none.
    """
    across = SIDE // TILE
    tiles = thumbnails.reshape(-1, across, TILE, across, TILE).swapaxes(2, 3).reshape(-1, across**2, TILE**2)
    detail = tiles - tiles.mean(axis=2, keepdims=True, dtype=np.float32)
    contrast = np.sqrt(np.square(detail).mean(axis=2, keepdims=True))
    detail = (detail / (contrast + FLAT)).reshape(len(thumbnails), -1)
    length = np.linalg.norm(detail, axis=1, keepdims=True)
    shown = (contrast > FLAT).sum(axis=1) >= FEWEST_TILES
    vectors: NDArray[np.float32] = np.where(shown, detail / np.maximum(length, 1e-6), 0)
    return vectors
