"""Curves of a training as a picture: one panel below the other, on one axis of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

WIDTH, PANEL_HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 40, 30
TEXT_PX = 15
LINE, GRID, INK, BACKGROUND = "#1f5fa8", "#d9d9d9", "#303030", "white"
TICKS = 5


@dataclass(frozen=True)
class Curve:
    """A number over the course of a training.

    Attributes:
        name: what is drawn.
        places: steps or epochs, rising.
        values: at these places; those that are not finite are left out.
    """

    name: str
    places: Sequence[float]
    values: Sequence[float]

    def points(self) -> list[tuple[float, float]]:
        """(place, value) where there is a value."""
        return [(x, y) for x, y in zip(self.places, self.values, strict=True) if math.isfinite(y)]


def draw_curves(curves: Sequence[Curve], unit: str) -> Image.Image:
    """Draw curves one below the other, each to its own scale.

    Args:
        curves: at least one.
        unit: of the places, such as "epoch".

    Returns:
        An RGB picture, 960 px wide and 300 px high for each curve.
    """
    picture = Image.new("RGB", (WIDTH, PANEL_HEIGHT * len(curves)), BACKGROUND)
    places = [place for curve in curves for place in curve.places]
    across = _range(places)
    for number, curve in enumerate(curves):
        _draw_panel(ImageDraw.Draw(picture), PANEL_HEIGHT * number, curve, across, unit)
    return picture


def _draw_panel(draw: ImageDraw.ImageDraw, top: int, curve: Curve, across: tuple[float, float], unit: str) -> None:
    font = ImageFont.load_default(TEXT_PX)
    points = curve.points()
    up = _range([value for _, value in points])
    box = (LEFT, top + TOP, WIDTH - RIGHT, top + PANEL_HEIGHT - BOTTOM)
    for number in range(TICKS):
        share = number / (TICKS - 1)
        y = box[3] - share * (box[3] - box[1])
        draw.line([(box[0], y), (box[2], y)], fill=GRID)
        draw.text((box[0] - 8, y), f"{up[0] + share * (up[1] - up[0]):.4g}", INK, font, anchor="rm")
    for place in whole_ticks(across):
        draw.text((_between(place, across, box[0], box[2]), box[3] + 6), str(place), INK, font, anchor="mt")
    last = f": {points[-1][1]:.4g} at {unit} {points[-1][0]:.4g}" if points else ": none yet"
    draw.text((box[0], top + 10), f"{curve.name}{last}", INK, font)
    placed = [(_between(x, across, box[0], box[2]), _between(y, up, box[3], box[1])) for x, y in points]
    draw.line(placed, fill=LINE, width=2)
    for x, y in placed if len(placed) < 100 else []:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=LINE)


def whole_ticks(across: tuple[float, float]) -> list[int]:
    """Up to five epochs or steps within a range, evenly as far as whole numbers are."""
    low, high = math.ceil(across[0]), math.floor(across[1])
    return list(dict.fromkeys(round(low + number / (TICKS - 1) * (high - low)) for number in range(TICKS)))


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest, never the same."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _between(value: float, scale: tuple[float, float], low: float, high: float) -> float:
    return low + (value - scale[0]) / (scale[1] - scale[0]) * (high - low)
