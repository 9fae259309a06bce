"""Masks of values 0 and 1: of outlines, and of pictures whose edges JPEG has blurred."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.read import read_frames

WHITE_FROM = 128  # of 0 to 255

Outline = Sequence[tuple[float, float]]


def draw_outlines(outlines: Sequence[Outline], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Fill outlines; several are joined.

    Args:
        outlines: of three or more points (x, y) in pixels.
        size: (height, width) of the picture.

    Returns:
        uint8 (height, width) of 0 and 1, 1 inside an outline and on it.

    Raises:
        ValueError: all of them lie outside the picture.
    """
    height, width = size
    mask = Image.new("L", (width, height))
    for outline in outlines:
        ImageDraw.Draw(mask).polygon(list(outline), fill=1, outline=1)
    drawn = np.asarray(mask)
    if not drawn.any():
        raise ValueError(f"has an outline that lies outside its {width} x {height} pixels.")
    return drawn


def read_blurred_mask(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a mask that was saved as JPEG.

    Args:
        path: a picture, black outside and white inside, with values between at the edges.
        size: (height, width) of the picture that it belongs to.

    Returns:
        uint8 (height, width) of 0 and 1, 1 from `WHITE_FROM` on.

    Raises:
        ValueError: it is of another size, or no picture.
    """
    try:
        values = read_frames(path).pixels[0][..., 0]
    except UnreadableFrames as fault:
        raise ValueError(f"has the mask {path.name}, which {fault.reason}") from fault
    if values.shape != tuple(size):
        found, needed = (f"{width} x {height}" for height, width in (values.shape, size))
        raise ValueError(f"has {needed} pixels and a mask of {found}.")
    return (values >= WHITE_FROM).astype(np.uint8)
