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
ONE_COLOUR, LARGE_PX, LARGE_ONE_COLOUR = 0.5, 20, 0.65  # share of a glyph, and of one taller, that has its colour
GOES_ON = 0.5  # share of strokes that go on in the row above or below, as noise from pixel to pixel does not
STROKES = 1.0  # of one colour, side by side in a line as wide as high: letters have two, streaks of speckle fewer
CROSSED = 75  # percentile of a line's rows in which so many are crossed
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
    channels = _channels(picture.astype(np.int16))
    height, width = channels[0].shape
    reach = max(STROKE_PX, round(STROKE * max(height, width)))
    uprights = [channel - _beside(channel, reach, axis=1) for channel in channels]
    glyphs = [
        glyph
        for channel, upright in zip(channels, uprights, strict=True)
        for glyph in _glyphs(channel, upright, channel - _beside(channel, reach, axis=0), colours)
    ]
    parts = _unite(sorted(glyphs, key=lambda glyph: glyph.box.left), GAP)
    lines = _unite([*(part for part in parts if _is_wide(part)), *parts], WORD_GAP)
    written = [line for line in lines if _is_wide(line) and any(_has_strokes(line, one, colours) for one in uprights)]
    return [_widen(line.box, height, width) for line in written]


def _channels(picture: NDArray[np.int16]) -> list[NDArray[np.int16]]:
    """In which text stands out: brightness and, where there is colour, colourfulness and whiteness."""
    red, green, blue = np.moveaxis(picture, -1, 0)
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    return [brightest, brightest - darkest, darkest] if (brightest != darkest).any() else [brightest]


def _glyphs(
    channel: NDArray[np.int16], upright: NDArray[np.int16], lying: NDArray[np.int16], colours: NDArray[np.float32]
) -> list[Part]:
    """Connected strokes as tall as a letter, most of them upright, with hard edges and one colour."""
    side = max(channel.shape)
    contrast = np.maximum(upright, lying)
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
            if (steps[rows, columns.start : columns.stop + 1] >= EDGE * least).mean() < HARD:
                continue
            colour, share = _colour(contrast[rows, columns][own], colours[rows, columns][own])
            if share >= (LARGE_ONE_COLOUR if box.height > LARGE_PX else ONE_COLOUR):
                found.append(Part(box, colour, box.height))
    return found


def _colour(contrast: NDArray[np.int16], colours: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """The colour of a glyph, from its pixels (pixels,) and (pixels, 3), and the share of them that has it."""
    highest = contrast.max()
    colour = np.median(colours[contrast >= CORE * highest], axis=0)
    away = np.abs(colours[contrast >= STRONG * highest] - colour).max(axis=-1)
    return colour, float((away <= SAME_COLOUR).mean())


def _has_strokes(line: Part, upright: NDArray[np.int16], colours: NDArray[np.float32]) -> bool:
    """Whether enough strokes of a line's own colour stand side by side in it."""
    top, left, bottom, right = line.box
    contrast = upright[top:bottom, left:right]
    away = np.abs(colours[top:bottom, left:right] - line.colour).max(axis=-1)
    if not (away <= SAME_COLOUR).any():
        return False
    highest = float(np.percentile(contrast[away <= SAME_COLOUR], 90))
    strong = contrast >= max(STRONG * highest, FAINTEST)
    strokes = strong & (away <= max(SAME_COLOUR, FADED * highest))
    above_or_below = np.pad(strokes, ((1, 1), (0, 0)))
    goes_on = strokes & (above_or_below[2:] | above_or_below[:-2])
    if np.count_nonzero(goes_on) < GOES_ON * np.count_nonzero(strokes):
        return False
    crossed = (np.diff(strokes.astype(np.int8), axis=1, prepend=0) == 1).sum(axis=1)
    return float(np.percentile(crossed, CROSSED)) * line.box.height >= STROKES * line.box.width


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
