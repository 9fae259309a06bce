"""Pictures for the demo export: an image inside a scanner's screen, and a simulated sweep of the probe."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echocare_core.types import Region

SCREEN = (640, 480)  # width, height in pixels
CAPTION = "DEMO SCANNER   no patient"
_GROUND, _BAR, _INK = (14, 16, 20), (30, 36, 46), (200, 205, 210)
_PICTURE_TOP, _HEADER, _FOOTER = 64, 34, 452
_MOST_TURN_DEGREES, _MOST_SHIFT_PX, _MOST_SHRINKING = 5.0, (7.0, 3.0), 0.1


def draw_screen(picture: NDArray[np.uint8], pixel_mm: float) -> tuple[NDArray[np.uint8], Region]:
    """Put a picture on the screen of an imaginary scanner.

    Args:
        picture: uint8 RGB (height, width, 3), at most 380 x 440 px; it is pasted pixel by pixel.
        pixel_mm: millimetres per pixel, for the depth ruler.

    Returns:
        The screen, uint8 RGB (480, 640, 3), and the region of the picture in it.
    """
    height, width = picture.shape[:2]
    top, left = _PICTURE_TOP, (SCREEN[0] - width) // 2
    screen = Image.new("RGB", SCREEN, _GROUND)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, SCREEN[0], _HEADER), fill=_BAR)
    draw.rectangle((0, _FOOTER, *SCREEN), fill=_BAR)
    draw.text((14, 9), CAPTION, font=ImageFont.load_default(14), fill=_INK)
    draw.text((14, _FOOTER + 7), "B   Gen   DR 60   Persist 2", font=ImageFont.load_default(12), fill=_INK)
    _draw_grey_scale(draw, left=24, top=top)
    _draw_ruler(draw, left + width + 14, top, height, pixel_mm)
    screen.paste(Image.fromarray(picture), (left, top))
    return np.asarray(screen), Region("tissue", (top, left, top + height, left + width), (pixel_mm, pixel_mm))


def simulate_sweep(still: NDArray[np.uint8], frames: int) -> NDArray[np.uint8]:
    """Move one still smoothly, as if the probe swept over it: turned, shifted and, away from the middle, shrunk.

    The spacing stays that of the still: the section through the body gets smaller, not the display.

    Args:
        still: uint8 RGB (height, width, 3).
        frames: an odd number from 3; the middle frame is the still itself.

    Returns:
        uint8 RGB (frames, height, width, 3).
    """
    if frames < 3 or frames % 2 == 0:
        raise ValueError(f"a sweep of {frames} frames has no middle one between two ends; 3, 5, 7, ... are needed")
    phases = np.linspace(-1.0, 1.0, frames)
    return np.stack([_moved(Image.fromarray(still), float(phase)) for phase in phases])


def _moved(still: Image.Image, phase: float) -> NDArray[np.uint8]:
    """The still at one moment of the sweep, -1 = start, 0 = middle, 1 = end."""
    turn = math.radians(_MOST_TURN_DEGREES) * phase
    zoom = 1 - _MOST_SHRINKING * phase**2
    centre_x, centre_y = still.width / 2, still.height / 2
    shift_x, shift_y = (most * phase for most in _MOST_SHIFT_PX)
    # Pillow asks where each pixel of the result comes from, so this is the inverse of turning, shrinking and shifting.
    cos, sin = math.cos(turn) / zoom, math.sin(turn) / zoom
    from_x = centre_x - cos * (centre_x + shift_x) - sin * (centre_y + shift_y)
    from_y = centre_y + sin * (centre_x + shift_x) - cos * (centre_y + shift_y)
    coefficients = (cos, sin, from_x, -sin, cos, from_y)
    return np.asarray(still.transform(still.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC))


def _draw_grey_scale(draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
    for row in range(128):
        draw.line((left, top + row, left + 11, top + row), fill=(255 - 2 * row,) * 3)


def _draw_ruler(draw: ImageDraw.ImageDraw, left: int, top: int, height: int, pixel_mm: float) -> None:
    """A tick at every centimetre of depth, a longer one with its number at every fifth, at each of a shallow scan."""
    centimetres = int(height * pixel_mm / 10)
    every = 5 if centimetres > 6 else 1
    for depth_cm in range(centimetres + 1):
        row = top + round(depth_cm * 10 / pixel_mm)
        numbered = depth_cm % every == 0
        draw.line((left, row, left + (10 if numbered else 5), row), fill=_INK)
        if numbered:
            draw.text((left + 16, row), str(depth_cm), font=ImageFont.load_default(11), fill=_INK, anchor="lm")
