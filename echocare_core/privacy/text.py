"""Burned-in text in a picture, found by how it is drawn: thin strokes with hard edges, several glyphs in a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label, minimum_filter1d

# Chosen on text drawn into training rows of AUL liver, BUS-BRA and HC18, at 320 and at 800 px.
# Grey levels by which a stroke is brighter, or more coloured, than what lies on both sides of it; tried one by one.
CONTRASTS = (32, 64, 112)
STROKE = 0.012  # widest stroke, as a share of the picture's longer side, and never below STROKE_PX
STROKE_PX = 3
SHORTEST_PX, TALLEST = 5, 0.07  # height of a glyph; the tallest as a share of the longer side
LONGEST = 20  # width of letters that have grown together, in their height
UPRIGHT = 0.5  # share of a glyph's pixels with darkness to the left and right: tissue runs across, letters stand
EDGE, HARD = 0.8, 0.1  # step between neighbours in a row, in contrasts, that this share of a glyph's pixels reach
ALIKE = 1.8  # heights of neighbours in a line differ by this factor at most
GAP, WORD_GAP = 1.6, 3.0  # space between neighbours, and beside what is a line by itself, in heights
LINE = 1.8  # least width of a line, in heights: neither a caliper nor a bright speckle is text
MARGIN, BESIDE = 0.3, 1.1  # by which a line's box is widened, in heights, for what is too faint to count


class Box(NamedTuple):
    """Part of a picture in pixels; bottom and right are one past the last one."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def unite(self, other: Box) -> Box:
        """The smallest box around both."""
        top, left = min(self.top, other.top), min(self.left, other.left)
        return Box(top, left, max(self.bottom, other.bottom), max(self.right, other.right))


def find_text(picture: NDArray[np.uint8]) -> list[Box]:
    """Find lines of text, bright or coloured, of whatever words.

    What is not found: text darker than what it stands on, letters taller than 7 % of the picture or lower than 5 px,
    single characters, and text that fades into bright tissue.

    Args:
        picture: uint8 RGB (height, width, 3).

    Returns:
        One box around each line, with a margin, inside the picture.
    """
    red, green, blue = np.moveaxis(picture.astype(np.int16), -1, 0)
    brightness = np.maximum(np.maximum(red, green), blue)
    channels = (brightness, brightness - np.minimum(np.minimum(red, green), blue))
    glyphs = [glyph for channel in channels for glyph in _glyphs(channel)]
    parts = _unite(sorted(glyphs, key=lambda box: box.left), GAP)
    lines = [part for part in parts if _is_line(part)]
    lines = [line for line in _unite([*lines, *parts], WORD_GAP) if _is_line(line)]
    return [_widen(line, *channels[0].shape) for line in lines]


def _glyphs(channel: NDArray[np.int16]) -> list[Box]:
    """Connected strokes as tall as a letter, most of them upright, with hard edges."""
    side = max(channel.shape)
    reach = max(STROKE_PX, round(STROKE * side))
    upright = channel - _beside(channel, reach, axis=1)
    contrast = np.maximum(upright, channel - _beside(channel, reach, axis=0))
    steps = np.abs(np.diff(channel, axis=1, prepend=channel[:, :1]))
    found = []
    for least in CONTRASTS:
        numbers, _ = label(contrast >= least, np.ones((3, 3)))
        for number, (rows, columns) in enumerate(find_objects(numbers), start=1):
            box = Box(rows.start, columns.start, rows.stop, columns.stop)
            if not SHORTEST_PX <= box.height <= TALLEST * side or box.width > LONGEST * box.height:
                continue
            own = numbers[rows, columns] == number
            if np.count_nonzero(upright[rows, columns][own] >= least) < UPRIGHT * np.count_nonzero(own):
                continue
            if (steps[rows, columns.start : columns.stop + 1] >= EDGE * least).mean() >= HARD:
                found.append(box)
    return found


def _beside(channel: NDArray[np.int16], reach: int, axis: int) -> NDArray[np.int16]:
    """The brighter of the two darkest pixels within `reach` before and after each pixel along an axis."""
    shift = reach // 2 + 1
    darkest = minimum_filter1d(channel, reach, axis=axis, mode="nearest")
    return np.maximum(np.roll(darkest, shift, axis), np.roll(darkest, -shift, axis))


def _is_line(box: Box) -> bool:
    return box.width >= LINE * box.height


def _unite(boxes: list[Box], gap: float) -> list[Box]:
    """Boxes of about one height on about one row, each united with the first before it that is near."""
    united: list[Box] = []
    for box in boxes:
        for place, other in enumerate(united):
            if _neighbours(other, box, gap):
                united[place] = other.unite(box)
                break
        else:
            united.append(box)
    return united


def _neighbours(one: Box, other: Box, gap: float) -> bool:
    taller, lower = max(one.height, other.height), min(one.height, other.height)
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    space = max(one.left, other.left) - min(one.right, other.right)
    return space <= gap * taller and overlap >= lower / 2 and taller <= ALIKE * lower


def _widen(box: Box, height: int, width: int) -> Box:
    margin, beside = max(2, round(MARGIN * box.height)), max(2, round(BESIDE * box.height))
    top, left = max(box.top - margin, 0), max(box.left - beside, 0)
    return Box(top, left, min(box.bottom + margin, height), min(box.right + beside, width))
