"""Pictures like a scanner's screen: a textured sector on black, with writing where a test wants it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

SIZE = (360, 480)
SECTOR = (60, 90, 340, 400)  # (top, left, bottom, right)
Writing = tuple[int, int, str]  # left, top, text


def screen(frames: int = 1, writing: Sequence[Writing] = (), colour: tuple[int, int, int] = (255, 255, 255)) -> NDArray:
    """Uint8 RGB (time, height, width, 3): speckle that changes from frame to frame inside SECTOR, black outside."""
    generator = np.random.default_rng(0)
    pixels = np.zeros((frames, *SIZE, 3), dtype=np.uint8)
    top, left, bottom, right = SECTOR
    for picture in pixels:
        speckle = gaussian_filter(generator.normal(size=(bottom - top, right - left)), (1.5, 3))
        grey = np.clip(90 + 40 * speckle / speckle.std(), 12, 230).astype(np.uint8)
        picture[top:bottom, left:right] = grey[..., None]
        written = written_pixels(writing)
        picture[written] = colour
    return pixels


def written_pixels(writing: Sequence[Writing]) -> NDArray[np.bool_]:
    """Bool (height, width): where the letters are."""
    image = Image.new("1", SIZE[::-1])
    draw = ImageDraw.Draw(image)
    for left, top, text in writing:
        draw.text((left, top), text, fill=1, font=ImageFont.load_default(16))
    return np.array(image)
