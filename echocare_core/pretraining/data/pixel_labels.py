"""The drawn masks of a data set as labels of pixels: for each pixel the row of the pixel tree's states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.transforms.mask import read_mask
from echocare_core.transforms.of_image import OfImage

BACKGROUND = 0


def read_pixel_label(mask: Path, image: Path, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Read a mask as rows of states, cropped to the scan region of its image.

    Args:
        mask: as `read_mask` takes it.
        image: that it belongs to, of one frame.
        rows: uint8 (256,), the row of each value of the mask, 0 for one without label (`PixelTree.rows_of`).

    Returns:
        uint8 (height, width).

    Raises:
        UnreadableFrames: the image cannot be read.
        TableError: an image of more than one frame, a mask that cannot be read or has another size, or a value in it
            that has no label.
    """
    file = read_frames(image)
    if len(file) > 1:
        raise TableError(f"{image.name} has {len(file)} frames; needed one under a mask. Empty its cell of mask.")
    known = np.flatnonzero(rows)
    of = OfImage(str(image), file.instance_uid)
    values = read_mask(str(mask), file.size, int(known[-1]) + 1, image=of)
    unknown = sorted(set(np.unique(values).tolist()) - {*known.tolist()})
    if unknown:
        raise TableError(
            f"Mask {mask} holds the value {unknown[0]}; needed values that pixel_labels names "
            f"({', '.join(map(str, known[known > BACKGROUND]))}), or 0. Add it to pixel_labels, or draw the mask anew."
        )
    top, left, bottom, right = file.scan_box
    return rows[values[top:bottom, left:right]]


def find_mask_faults(drawn: Iterable[tuple[int, Path, Path]], rows: NDArray[np.uint8]) -> Iterator[str]:
    """What is wrong with the masks of a table; an image that cannot be read is passed, for it is left out anyway.

    Args:
        drawn: number of the row in the table from 0, mask and image of each.
        rows: see `read_pixel_label`.
    """
    for number, mask, image in drawn:
        try:
            read_pixel_label(mask, image, rows)
        except TableError as error:
            yield f"row {number + 1}, {str(error).rstrip('.')}"
        except UnreadableFrames:
            continue
