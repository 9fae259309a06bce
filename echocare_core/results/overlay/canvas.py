"""The frame, enlarged so that lines and words are legible, and how lines are drawn on it."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echocare_core.results.overlay.marks import Box, Colour, Line, Lines, Mark, Shade, Word

# Okabe and Ito (2008), told apart with every kind of colour blindness; the ones that stand out on grey tissue first.
COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (240, 228, 66),  # yellow
    (204, 121, 167),  # reddish purple
    (0, 158, 115),  # bluish green
    (213, 94, 0),  # vermilion
    (0, 114, 178),  # blue
)
BLACK: Colour = (0, 0, 0)
HALO = 0.45  # a thin dark rim beside the line, so that it shows on bright tissue
LEGIBLE_WIDTH = 480  # pixels; narrower pictures are enlarged by a whole factor
MOST_ENLARGED = 4
_SUPERSAMPLING = 4


class Canvas:
    """A frame whose every pixel is as recorded, only larger, to draw on.

    Attributes:
        factor: whole number by which it is enlarged.
        picture: uint8 RGB (factor * height, factor * width, 3).
        thickness: of lines, in its pixels.
        marks: what was drawn, in pixels as recorded, to be drawn elsewhere.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        """Take a copy of a frame, uint8 RGB (height, width, 3)."""
        self.size = image.shape[:2]
        self.factor = enlargement(*self.size)
        self.picture = np.repeat(np.repeat(image, self.factor, axis=0), self.factor, axis=1)
        self.thickness = max(2.0, min(self.picture.shape[:2]) / 240)
        self.marks: list[Mark] = []

    @property
    def margin_px(self) -> int:
        """How far a line reaches beyond its corners, in pixels as recorded."""
        return ceil((self.thickness + 2) / self.factor) + 1

    def draw_lines(
        self,
        lines: Iterable[Line],
        box: Box,
        colour: Colour,
        fill: NDArray[np.floating] | None = None,
        thickness: float | None = None,
    ) -> None:
        """Draw lines with a dark rim, touching only one box of the picture.

        Args:
            lines: what to draw.
            box: the part of the picture that may change, in pixels as recorded.
            colour: of the lines.
            fill: opacity in [0, 1] of the same colour below them, (height, width) of the box as recorded.
            thickness: of the lines where it is not that of the canvas, at most that.
        """
        lines = tuple(lines)
        share = 0.0 if fill is None or not fill.size else float(fill.max())
        self.marks.append(Lines(lines, colour, share, thickness is not None))
        thickness = thickness or self.thickness
        shifted = [line - (box[0], box[1]) for line in lines]
        size = (box[2] - box[0], box[3] - box[1])
        rim, line = (self._opacity(shifted, size, thickness) for thickness in (thickness + 2, thickness))
        filled = [] if fill is None else [(self._enlarged(fill), colour)]
        self._blend(box, [*filled, (rim * HALO, BLACK), (line, colour)])

    def draw_pixels(self, opacity: NDArray[np.floating], box: Box, colour: Colour, *, smooth: bool = False) -> None:
        """Colour the pixels of one box of the picture, opacity in [0, 1], (height, width) of the box as recorded."""
        self.marks.append(Shade(opacity, box, colour, smooth))
        window = self._window(box)
        shaded = Image.fromarray(window)  # Pillow blends whole frames in a tenth of the time of arrays of floats
        shaded.paste(colour, mask=Image.fromarray(np.rint(255 * self._enlarged(opacity)).astype(np.uint8)))
        window[:] = np.asarray(shaded)

    def _enlarged(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.repeat(np.repeat(values, self.factor, axis=0), self.factor, axis=1)

    def _blend(self, box: Box, layers: Iterable[tuple[NDArray[np.floating], Colour]]) -> None:
        """Lay colours over a box of the picture, each with its opacity (factor * height, factor * width)."""
        window = self._window(box)
        blended = window.astype(np.float32)
        for alpha, paint in layers:
            blended += alpha[..., None] * (np.asarray(paint, dtype=np.float32) - blended)
        window[:] = np.rint(blended).astype(np.uint8)

    def _window(self, box: Box) -> NDArray[np.uint8]:
        """A box of the picture, to be drawn on."""
        top, left, bottom, right = (self.factor * edge for edge in box)
        return self.picture[top:bottom, left:right]

    def box_around(self, line: Line) -> Box:
        """The part of the picture that a line touches, in pixels as recorded."""
        (top, left), (bottom, right) = np.floor(line.min(axis=0)), np.ceil(line.max(axis=0))
        height, width = self.size
        far, high, wide = self.margin_px, max(0, height - 1), max(0, width - 1)
        top, left = min(max(0, int(top) - far), high), min(max(0, int(left) - far), wide)
        return top, left, min(max(top + 1, int(bottom) + far), height), min(max(left + 1, int(right) + far), width)

    def write(self, text: str, row: float, column: float, colour: Colour, anchor: str = "ls") -> None:
        """Write a few letters with a dark rim, moved inside where they would leave the picture.

        Args:
            text: the letters, ASCII.
            row: where they stand, in pixels as recorded.
            column: the same.
            colour: of the letters.
            anchor: which point of them stands there, as Pillow names it: "ls" left and baseline, "mm" the middle.
        """
        self.marks.append(Word(text, row, column, colour, anchor, self.letter_height / self.factor))
        font = ImageFont.load_default(self.letter_height)
        left, top, right, bottom = font.getbbox(text, anchor=anchor, stroke_width=2)
        height, width = self.picture.shape[:2]
        x = min(max(column * self.factor, -left), width - right)
        y = min(max(row * self.factor, -top), height - bottom)
        picture = Image.fromarray(self.picture)
        ImageDraw.Draw(picture).text(
            (x, y), text, font=font, fill=colour, anchor=anchor, stroke_width=2, stroke_fill=BLACK
        )
        self.picture[:] = np.asarray(picture)

    @property
    def letter_height(self) -> int:
        """Size of the letters beside a mark, in pixels of the enlarged picture."""
        return max(13, min(28, round(min(self.picture.shape[:2]) / 28)))

    def _opacity(self, lines: Iterable[Line], size: tuple[int, int], thickness: float) -> NDArray[np.float32]:
        """Opacity in [0, 1], (factor * height, factor * width), of anti-aliased lines."""
        scale = _SUPERSAMPLING * self.factor
        height, width = size
        canvas = Image.new("L", (scale * width, scale * height))
        draw = ImageDraw.Draw(canvas)
        width_drawn = 2 * round(_SUPERSAMPLING * thickness / 2) + 1  # odd: Pillow centres only those
        for line in lines:
            corners = np.rint(line * scale)
            draw.line([(x, y) for y, x in corners], fill=255, width=width_drawn, joint="curve")
        small = canvas.resize((self.factor * width, self.factor * height), Image.Resampling.BOX)
        return (np.asarray(small) / 255).astype(np.float32)


def enlargement(height: int, width: int) -> int:
    """Whole factor by which the overlay of a picture is enlarged: text and line need some width to be legible."""
    return 1 if height > 4 * width else max(1, min(MOST_ENLARGED, ceil(LEGIBLE_WIDTH / width)))


def colour_of(number: int) -> Colour:
    """Colour of the n-th label, class or point, from 1; the same in every frame."""
    return COLOURS[(number - 1) % len(COLOURS)]
