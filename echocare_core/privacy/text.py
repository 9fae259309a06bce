"""Burned-in text in a picture, found by how it is drawn: thin strokes of one colour, hard edges, glyphs in a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label, minimum_filter1d

# Chosen on text drawn into training rows of AUL liver, BUS-BRA, HC18, BUSI, MMOTU and lung scans, and into frames of
# echo and of colour and power Doppler that come with pydicom, pydicom-data and deid-data, at 320 to 800 px.
# Grey levels by which a stroke is brighter, more coloured or whiter than what is on both sides of it; tried one by one.
CONTRASTS = (32, 64, 112)
STROKE = 0.012  # widest stroke, as a share of the picture's longer side, and never below STROKE_PX
STROKE_PX = 3
SHORTEST_PX, TALLEST = 5, 0.07  # height of a glyph; the tallest as a share of the longer side
LONGEST = 20  # width of letters that have grown together, in their height
UPRIGHT = 0.5  # share of a glyph's pixels with darkness to the left and right: tissue runs across, letters stand
EDGE, HARD = 0.8, 0.1  # step between neighbours in a row, in contrasts, that this share of a glyph's pixels reach
ALIKE = 1.8  # heights of neighbours in a line differ by this factor at most
GAP, WORD_GAP = 1.6, 3.0  # space between neighbours, and beside what is a line by itself, in heights
GROWN = 1.5  # height of a line, in its tallest glyph: some letters reach above others, some below
LINE = 1.8  # least width of a line, in heights: neither a caliper nor a bright speckle is text
CORE, STRONG = 0.8, 0.5  # shares of a stroke's highest contrast: where it has its own colour, and what counts of it,
FAINTEST = 10  # in grey levels at least
# Grey levels within which colours are one, in each channel: between neighbours, and between a stroke and its line; the
# latter also as a share of the contrast, for thin bright strokes fade most at their edges.
ALIKE_COLOUR, SAME_COLOUR, FADED = 60, 45, 0.3
STROKES = 0.7  # of one colour, side by side in a line as wide as high: letters have two, streaks of speckle fewer
CROSSED = 75  # percentile of a line's rows in which so many are crossed
BEYOND, FREE = 0.35, 0.35  # above and below a line, in heights: share of strokes there, of that in the line, at most
SHARP = 0.25  # median step at the sides of strokes, in their contrast: letters have edges, tissue is smooth
MARGIN, BESIDE = 0.3, 1.4  # by which a line's box is widened, in heights, for what is too faint to count


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


class Part(NamedTuple):
    """Letters of one colour in a row, or one of them.

    Attributes:
        box: around them.
        colour: float32 (3,) RGB.
        tallest: height of the tallest.
        glyphs: how many.
    """

    box: Box
    colour: NDArray[np.float32]
    tallest: int
    glyphs: int = 1

    def unite(self, other: Part) -> Part:
        """Both together."""
        glyphs = self.glyphs + other.glyphs
        colour = self.colour + (other.colour - self.colour) * np.float32(other.glyphs / glyphs)
        return Part(self.box.unite(other.box), colour, max(self.tallest, other.tallest), glyphs)


def find_text(picture: NDArray[np.uint8]) -> list[Box]:
    """Find lines of text, bright or coloured, of whatever words.

    What is not found: text darker than what it stands on, letters taller than 7 % of the picture or lower than 5 px,
    single characters, and text that fades into bright tissue.

    Args:
        picture: uint8 RGB (height, width, 3).

    Returns:
        One box around each line, with a margin, inside the picture.
    """
    colours = picture.astype(np.float32)
    height, width = picture.shape[:2]
    parts, lines = list[Part](), list[Part]()
    for channel in _channels(picture.astype(np.int16)):
        strokes = _Strokes.of(channel, colours)
        for least in CONTRASTS:
            alike = _unite(_glyphs(strokes, least), GAP)
            seen = _unite([*(part for part in alike if _is_wide(part)), *alike], WORD_GAP)
            lines += [line for line in seen if _is_wide(line) and _is_written(line, strokes)]
            parts += alike
    return [_widen(_grow(line, parts), height, width) for line in _unite(lines, WORD_GAP)]


class _Strokes(NamedTuple):
    """Where a channel, int16 (height, width), is brighter than on both sides: left and right, or above and below.

    Attributes:
        upright, lying: by how much, in grey levels.
        steps: between neighbours in a row.
        colours: float32 (height, width, 3), of the picture.
    """

    upright: NDArray[np.int16]
    lying: NDArray[np.int16]
    steps: NDArray[np.int16]
    colours: NDArray[np.float32]

    @classmethod
    def of(cls, channel: NDArray[np.int16], colours: NDArray[np.float32]) -> _Strokes:
        reach = max(STROKE_PX, round(STROKE * max(channel.shape)))
        upright, lying = (channel - _beside(channel, reach, axis) for axis in (1, 0))
        return cls(upright, lying, np.abs(np.diff(channel, axis=1, prepend=channel[:, :1])), colours)


def _channels(picture: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    """In which text stands out: brightness and, where there is colour, colourfulness and whiteness."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    return [brightest, brightest - darkest, darkest] if (brightest != darkest).any() else [brightest]


def _glyphs(strokes: _Strokes, least: int) -> list[Part]:
    """Connected strokes as tall as a letter, most of them upright, with hard edges, from left to right."""
    side = max(strokes.upright.shape)
    contrast = np.maximum(strokes.upright, strokes.lying)
    numbers, _ = label(contrast >= least, np.ones((3, 3)))
    found = []
    for number, (rows, columns) in enumerate(find_objects(numbers), start=1):
        box = Box(rows.start, columns.start, rows.stop, columns.stop)
        if not SHORTEST_PX <= box.height <= TALLEST * side or box.width > LONGEST * box.height:
            continue
        own = numbers[rows, columns] == number
        if np.count_nonzero(strokes.upright[rows, columns][own] >= least) < UPRIGHT * np.count_nonzero(own):
            continue
        if (strokes.steps[rows, columns.start : columns.stop + 1] >= EDGE * least).mean() >= HARD:
            highest = contrast[rows, columns] >= CORE * contrast[rows, columns][own].max()
            colour = np.median(strokes.colours[rows, columns][own & highest], axis=0)
            found.append(Part(box, colour, box.height))
    return sorted(found, key=lambda glyph: glyph.box.left)


def _is_written(line: Part, strokes: _Strokes) -> bool:
    """Whether enough strokes of a line's own colour stand side by side in it, with sharp edges, few above and below."""
    top, left, bottom, right = line.box
    beyond = max(2, round(BEYOND * line.box.height))
    first = max(top - beyond, 0)
    around = slice(first, bottom + beyond), slice(left, right)
    contrast, away = strokes.upright[around], np.abs(strokes.colours[around] - line.colour).max(axis=-1)
    rows = slice(top - first, bottom - first)
    alike = contrast[rows][away[rows] <= SAME_COLOUR]
    if not alike.size:
        return False
    highest = float(np.percentile(alike, 90))
    own = (contrast >= max(STRONG * highest, FAINTEST)) & (away <= max(SAME_COLOUR, FADED * highest))
    outside = np.delete(own, np.r_[rows], axis=0)
    if outside.size and outside.mean() > FREE * own[rows].mean():
        return False
    sides = np.diff(own[rows].astype(np.int8), axis=1, prepend=0)
    crossed = float(np.percentile((sides == 1).sum(axis=1), CROSSED))
    if crossed * line.box.height < STROKES * line.box.width:
        return False
    sharp = float(np.median(strokes.steps[top:bottom, left:right][sides != 0]))
    return sharp >= SHARP * highest


def _beside(channel: NDArray[np.int16], reach: int, axis: int) -> NDArray[np.int16]:
    """The brighter of the two darkest pixels within `reach` before and after each pixel along an axis."""
    shift = reach // 2 + 1
    darkest = minimum_filter1d(channel, reach, axis=axis, mode="nearest")
    return np.maximum(np.roll(darkest, shift, axis), np.roll(darkest, -shift, axis))


def _is_wide(part: Part) -> bool:
    return part.box.width >= LINE * part.box.height


def _unite(parts: list[Part], gap: float) -> list[Part]:
    """Parts of about one height and one colour on about one row, each united with the first before it that is near."""
    united: list[Part] = []
    for part in parts:
        for place, other in enumerate(united):
            if _are_neighbours(other, part, gap):
                united[place] = other.unite(part)
                break
        else:
            united.append(part)
    return united


def _grow(line: Part, parts: list[Part]) -> Box:
    """Around a line and what is beside it of its height and colour, in whichever channel and contrast it was seen."""
    box = line.box
    for part in parts:
        if part.box.width <= WORD_GAP * line.box.height and _are_neighbours(line, part, WORD_GAP):
            box = box.unite(part.box)
    return box


def _are_neighbours(one: Part, other: Part, gap: float) -> bool:
    a, b = one.box, other.box
    taller, lower = max(a.height, b.height), min(a.height, b.height)
    overlap = min(a.bottom, b.bottom) - max(a.top, b.top)
    space = max(a.left, b.left) - min(a.right, b.right)
    if space > gap * taller or overlap < lower / 2 or taller > ALIKE * lower:
        return False
    if a.unite(b).height > GROWN * max(one.tallest, other.tallest):
        return False
    return bool(np.abs(one.colour - other.colour).max() <= ALIKE_COLOUR)


def _widen(box: Box, height: int, width: int) -> Box:
    margin, beside = max(2, round(MARGIN * box.height)), max(2, round(BESIDE * box.height))
    top, left = max(box.top - margin, 0), max(box.left - beside, 0)
    return Box(top, left, min(box.bottom + margin, height), min(box.right + beside, width))
