"""The strip below an overlay: a legend of the labels and what was measured, legible at any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echocare_core.results.overlay.marks import Colour, Key

_GROUND: Colour = (22, 24, 28)
_INK: Colour = (236, 238, 240)


@dataclass(frozen=True)
class _Item:
    """A piece of text that stays together, with the colour of its swatch or none."""

    text: str
    swatch: Colour | None = None


def draw_caption(width: int, legend: Sequence[Key], lines: Sequence[str]) -> NDArray[np.uint8]:
    """Draw the strip.

    Args:
        width: of the picture above, in pixels.
        legend: colour and name of each label that was found.
        lines: one piece of text each; as many stand in a row as fit, a longer one is broken at its spaces.

    Returns:
        uint8 RGB (strip, width, 3); strip is 0 where there is nothing to say.
    """
    pen = _Pen(width)
    items = [_Item(key.words, key.colour) for key in legend] + [_Item(line) for line in lines]
    rows = list(pen.rows([part for item in items for part in pen.parts(item)]))
    if not rows:
        return np.zeros((0, width, 3), dtype=np.uint8)
    strip = Image.new("RGB", (width, pen.pad + len(rows) * pen.row_height + pen.pad), _GROUND)
    draw = ImageDraw.Draw(strip)
    for number, row in enumerate(rows):
        pen.draw_row(draw, pen.pad + number * pen.row_height, row)
    return np.asarray(strip)


class _Pen:
    """Sizes that follow from the width of the picture, and the drawing that follows from the sizes."""

    def __init__(self, width: int) -> None:
        self.size = max(14, min(40, width // 40))
        self.pad = self.size // 2
        self.room = max(1, width - 2 * self.pad)
        self.row_height = round(1.45 * self.size)
        self.gap = round(1.4 * self.size)
        self.font = ImageFont.load_default(self.size)
        self.small = ImageFont.load_default(max(8, round(0.65 * self.size)))

    def width(self, item: _Item) -> float:
        swatch = 1.3 * self.size if item.swatch else 0
        return swatch + sum(font.getlength(text) for text, font, _ in self._runs(item.text))

    def parts(self, item: _Item) -> Iterator[_Item]:
        """Break an item that is wider than the strip at its spaces, and a word that is wider at any letter."""
        rest, swatch = item.text, item.swatch
        while rest:
            end = len(rest)
            while end > 1 and self.width(_Item(rest[:end], swatch)) > self.room:
                space = rest.rfind(" ", 0, end)
                end = space if space > 0 else end - 1
            yield _Item(rest[:end], swatch)
            rest, swatch = rest[end:].lstrip(), None

    def rows(self, items: Sequence[_Item]) -> Iterator[list[_Item]]:
        """Fill rows from left to right."""
        row: list[_Item] = []
        used = 0.0
        for item in items:
            needed = self.width(item)
            if row and used + self.gap + needed > self.room:
                yield row
                row, used = [], 0.0
            used += needed + (self.gap if row else 0)
            row.append(item)
        if row:
            yield row

    def draw_row(self, draw: ImageDraw.ImageDraw, top: int, row: Sequence[_Item]) -> None:
        left = float(self.pad)
        for item in row:
            self._draw_item(draw, left, top, item)
            left += self.width(item) + self.gap

    def _draw_item(self, draw: ImageDraw.ImageDraw, left: float, top: int, item: _Item) -> None:
        baseline = top + round(1.05 * self.size)
        if item.swatch:
            side = round(0.75 * self.size)
            draw.rectangle((left, baseline - side, left + side, baseline), fill=item.swatch)
            left += 1.3 * self.size
        for text, font, raised in self._runs(item.text):
            draw.text((left, baseline - raised), text, font=font, fill=_INK, anchor="ls")
            left += font.getlength(text)

    def _runs(self, text: str) -> Iterator[tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont, int]]:
        """Text, font and lift of each run: the font that comes with Pillow knows ASCII only, so ² is drawn raised."""
        for number, run in enumerate(text.split("²")):
            if number:
                yield "2", self.small, round(0.35 * self.size)
            yield run.encode("ascii", "replace").decode("ascii"), self.font, 0
