"""Boxes on their frame, numbered where there is more than one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from echocare_core.results.overlay.canvas import Canvas, colour_of
from echocare_core.results.overlay.marks import Key
from echocare_core.results.wording import name_text, probability_text
from echocare_core.types import Boxes


def draw_boxes(canvas: Canvas, boxes: Boxes) -> Iterator[Key]:
    """Draw every box in the colour of its class, its number outside it.

    Returns:
        Colour and words of each box: its number, class and confidence.
    """
    numbered = len(boxes.labels) > 1
    for number, (corners, label, score) in enumerate(
        zip(boxes.corners_px, boxes.labels, boxes.scores, strict=True), start=1
    ):
        colour = colour_of(boxes.classes.index(label) + 1)
        outline = _outline(corners)
        canvas.draw_lines([outline], canvas.box_around(outline), colour)
        if numbered:
            above = float(corners[0]) - canvas.margin_px
            canvas.write(str(number), above, float(corners[1]), colour)
        yield Key(colour, f"{f'{number} ' if numbered else ''}{name_text(label)} {probability_text(score)}", "box")


def _outline(corners: NDArray[np.floating]) -> NDArray[np.floating]:
    top, left, bottom, right = (float(edge) for edge in corners)
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left), (top, left), (top, right)])
