"""A mask in the results: a picture that a program reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.result_files import MASKS
from echocare_core.results.overlay.canvas import colour_of
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Mask


def mask_fault(mask: Mask, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with a mask, in words; None where nothing is."""
    if mask.values.dtype != np.uint8 or mask.values.ndim != 2:
        return f"values {mask.values.dtype} {mask.values.shape}; needed uint8 (height, width)"
    if image_px is not None and mask.values.shape != image_px:
        height, width = mask.values.shape
        return f"{height}x{width} px for a frame of {image_px[0]}x{image_px[1]} px; needed the same size"
    return None


def write_mask(mask: Mask, place: Place) -> Entries:
    """Write the mask beside the table; the table names it."""
    return Entries(files={"mask": place.save_picture(mask_image(mask.values), MASKS)})


def mask_image(values: NDArray[np.uint8]) -> Image.Image:
    """The mask as a palette picture: its pixel values are the label numbers, its palette makes them visible.

    Args:
        values: uint8 (height, width), 0 = background.

    Returns:
        PIL image of mode "P"; `numpy.asarray` of it, also after saving as PNG, gives the label numbers back.
    """
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.uint8))  # grey ...
    picture.putpalette([0, 0, 0, *(part for value in range(1, 256) for part in colour_of(value))])  # ... now "P"
    return picture
