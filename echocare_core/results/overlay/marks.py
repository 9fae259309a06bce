"""What is drawn on a frame, as lines, words and shades, so that a page can lay it over the frame, and take it away."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # (top, left, bottom, right), half-open
Line = NDArray[np.floating]  # (corners, 2), (row, column) from the upper left edge of the picture, pixels as recorded

FINE = 1 / 800  # of the longer side: by so much a line on the page may leave the line on the overlay
MOST_CORNERS = 4000  # of one mark: more, and its lines are drawn as coarsely as that takes
MOST_SHADED = 320  # pixels of the longer side of a shade: it lies over speckle
MOST_SMOOTH = 64  # of one without edges, which the browser draws between its pixels


@dataclass(frozen=True)
class Lines:
    """Lines of one colour.

    Attributes:
        lines: each is closed where it ends as it begins.
        colour: of them.
        fill: opacity of that colour inside them, 0 for none.
        thin: whether they are thinner than others.
    """

    lines: tuple[Line, ...]
    colour: Colour
    fill: float
    thin: bool


@dataclass(frozen=True)
class Word:
    """A few letters: where they stand (row, column), how Pillow names that place of them, and how high they are."""

    text: str
    row: float
    column: float
    colour: Colour
    anchor: str
    height: float


@dataclass(frozen=True)
class Shade:
    """Opacity in [0, 1] of a colour, (height, width) of a box: what is too ragged for lines, or without edges."""

    opacity: NDArray[np.floating]
    box: Box
    colour: Colour
    smooth: bool = False


Mark = Lines | Word | Shade
Sign = Literal["outline", "box", "point", "line", "ring", "shade"]  # how a mark looks, but for its colour


@dataclass(frozen=True)
class Key:
    """A line of the legend: what a colour and a form stand for."""

    colour: Colour
    words: str
    sign: Sign


def plain_marks(marks: Iterable[Mark], size: tuple[int, int]) -> list[dict[str, Any]]:
    """Marks as values for JSON, which `pictures.js` draws.

    Args:
        marks: in pixels of a frame.
        size: (height, width) of that frame.
    """
    return [_PLAIN[type(mark)](mark, size) for mark in marks]


def plain_legend(legend: Iterable[Key]) -> list[dict[str, str]]:
    """A legend as values for JSON, which `legend.js` draws."""
    return [{"c": _hex(key.colour), "t": key.words, "sign": key.sign} for key in legend]


def _plain_lines(mark: Lines, size: tuple[int, int]) -> dict[str, Any]:
    from skimage.measure import approximate_polygon  # it brings scipy.signal along, which takes a second or two

    tolerance = FINE * max(size)
    lines = [approximate_polygon(line, tolerance) for line in mark.lines]
    while sum(map(len, lines)) > MOST_CORNERS and tolerance < max(size):
        tolerance *= 2
        lines = [approximate_polygon(line, tolerance) for line in lines]
    path = "".join(_path(line) for line in lines if len(line) > 1)
    return {"d": path, "c": _hex(mark.colour), "f": round(mark.fill, 3), "thin": int(mark.thin)}


def _path(line: Line) -> str:
    """A line as SVG writes it, to a tenth of a pixel: x before y."""
    corners = [f"{column:.1f} {row:.1f}" for row, column in line]
    is_closed = len(corners) > 2 and corners[0] == corners[-1]
    return f"M{'L'.join(corners[:-1])}Z" if is_closed else f"M{'L'.join(corners)}"


def _plain_word(mark: Word, size: tuple[int, int]) -> dict[str, Any]:
    across = {"l": "start", "m": "middle", "r": "end"}[mark.anchor[0]]
    down = {"s": 0.0, "m": 0.35, "a": 0.75}[mark.anchor[1]] * mark.height  # from the place to the baseline
    x, y = _within(mark.column, size[1]), _within(mark.row + down, size[0])
    return {"t": mark.text, "x": x, "y": y, "c": _hex(mark.colour), "a": across, "h": round(mark.height, 1)}


def _within(place: float, side: int) -> float:
    return round(min(max(0.0, place), float(side)), 1)


def _plain_shade(mark: Shade, size: tuple[int, int]) -> dict[str, Any]:
    top, left, bottom, right = mark.box
    alpha = Image.fromarray(np.rint(255 * np.clip(mark.opacity, 0, 1)).astype(np.uint8))
    side, quality = (MOST_SMOOTH, 100) if mark.smooth else (MOST_SHADED, 40)
    alpha.thumbnail((side, side), Image.Resampling.BOX)
    picture = Image.new("RGBA", alpha.size, mark.colour)
    picture.putalpha(alpha)
    buffer = BytesIO()
    picture.save(buffer, format="WEBP", quality=40, alpha_quality=quality, method=2)
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return {"src": source, "x": left, "y": top, "w": right - left, "h": bottom - top}


def _hex(colour: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


_PLAIN: dict[type, Any] = {Lines: _plain_lines, Word: _plain_word, Shade: _plain_shade}
