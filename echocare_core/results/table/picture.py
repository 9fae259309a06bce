"""A picture in the results: a PNG that the table names."""

from __future__ import annotations

import numpy as np
from PIL import Image

from echocare_core.result_files import PICTURES
from echocare_core.results.naming import safe_path
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Picture


def picture_fault(picture: Picture, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with a picture, in words; None where nothing is."""
    pixels = picture.pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        return f"{picture.name} {pixels.dtype} {pixels.shape}; needed uint8 RGB (height, width, 3)"
    return None


def write_picture(picture: Picture, place: Place) -> Entries:
    """Write it as it is."""
    path = place.save_picture(Image.fromarray(picture.pixels), PICTURES, f"_{safe_path(picture.name)}")
    return Entries(files={f"{picture.name}_file": path})
