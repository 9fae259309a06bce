"""The picture a person looks at: the frame with what was found on it, and the words below it, never on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocare_core.results.overlay.boxes import draw_boxes
from echocare_core.results.overlay.canvas import Canvas, Colour
from echocare_core.results.overlay.caption import draw_caption
from echocare_core.results.overlay.mask import draw_mask
from echocare_core.results.overlay.points import draw_points
from echocare_core.types import Boxes, Mask, Output, Points


class Drawer(NamedTuple):
    """How a kind is drawn, which gives its legend of colours and words; and whether one of it marks nothing."""

    draw: Callable[[Canvas, Any], Iterator[tuple[Colour, str]]]
    is_empty: Callable[[Any], bool]


# The kinds of output that mark places in a frame; a new one is a module beside this one and a line here.
DRAWERS: dict[type, Drawer] = {
    Mask: Drawer(draw_mask, lambda mask: not mask.values.any()),
    Boxes: Drawer(draw_boxes, lambda boxes: not boxes.labels),
    Points: Drawer(draw_points, lambda points: bool(np.isnan(points.positions_px).any(axis=1).all())),
}


def draw_overlay(
    image: NDArray[np.uint8], outputs: Sequence[Output], caption_lines: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Draw what was found on a frame, and write what was measured below it.

    Args:
        image: uint8 RGB (height, width, 3).
        outputs: of that frame; those that mark no places are left out.
        caption_lines: text for the strip below; the legend stands before it.

    Returns:
        uint8 RGB (factor * height + strip, factor * width, 3); see `canvas.enlargement` for the factor. There is no
        strip where there is nothing to say.

    Raises:
        ValueError: the picture is not RGB of 8 bits.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"the picture is {image.dtype} {image.shape}; uint8 RGB (height, width, 3) is needed")
    canvas = Canvas(image)
    marks = [output for output in outputs if type(output) in DRAWERS]
    legend = [entry for output in marks for entry in DRAWERS[type(output)].draw(canvas, output)]
    return np.concatenate([canvas.picture, draw_caption(canvas.picture.shape[1], legend, caption_lines)])


def marks_nothing(outputs: Sequence[Output]) -> bool:
    """Whether the outputs should mark places in the frame and not one of them does."""
    marks = [output for output in outputs if type(output) in DRAWERS]
    return bool(marks) and all(DRAWERS[type(output)].is_empty(output) for output in marks)
