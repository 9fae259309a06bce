"""The picture a person looks at: the frame with what was found on it, and the words below it, never on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocare_core.frames.reduced import reduce_picture
from echocare_core.results.overlay.boxes import draw_boxes
from echocare_core.results.overlay.canvas import Canvas, enlargement
from echocare_core.results.overlay.caption import draw_caption
from echocare_core.results.overlay.class_activation import draw_activation
from echocare_core.results.overlay.marks import Key, Mark
from echocare_core.results.overlay.mask import draw_mask
from echocare_core.results.overlay.measurements import draw_measurements
from echocare_core.results.overlay.points import draw_points
from echocare_core.results.overlay.smaller import shrinkage, smaller
from echocare_core.types import Boxes, ClassActivation, Mask, Measurement, Output, Points


class Drawer(NamedTuple):
    """How a kind is drawn, which gives its legend of colours and words; and whether one of it marks nothing."""

    draw: Callable[[Canvas, Any], Iterator[Key]]
    is_empty: Callable[[Any], bool]


# The kinds of output that mark places in a frame; a new one is a module beside this one and a line here.
DRAWERS: dict[type, Drawer] = {
    ClassActivation: Drawer(draw_activation, lambda _: False),  # that a class is nowhere is an answer
    Mask: Drawer(draw_mask, lambda mask: not mask.values.any()),
    Boxes: Drawer(draw_boxes, lambda boxes: not boxes.labels),
    Points: Drawer(draw_points, lambda points: bool(np.isnan(points.positions_px).any(axis=1).all())),
}


class Drawn(NamedTuple):
    """A frame with what was found on it.

    Attributes:
        overlay: uint8 RGB, as `draw_overlay` gives it.
        frame: the frame below, uint8 RGB (height, width, 3), smaller where it was very large.
        marks: what was drawn on it, in pixels of `frame`.
        legend: what their colours and forms stand for.
    """

    overlay: NDArray[np.uint8]
    frame: NDArray[np.uint8]
    marks: tuple[Mark, ...]
    legend: tuple[Key, ...]


def draw_overlay(
    image: NDArray[np.uint8], outputs: Sequence[Output], caption_lines: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Draw what was found and measured on a frame, and write the words below it.

    Args:
        image: uint8 RGB (height, width, 3).
        outputs: of that frame; those that mark no places are left out.
        caption_lines: text for the strip below; the legend stands before it.

    Returns:
        uint8 RGB (height + strip, width, 3), `shown_size` of the frame with a strip below it. There is no strip where
        there is nothing to say.

    Raises:
        ValueError: the picture is not RGB of 8 bits.
    """
    return draw_frame(image, outputs, caption_lines).overlay


def draw_frame(image: NDArray[np.uint8], outputs: Sequence[Output], caption_lines: Sequence[str] = ()) -> Drawn:
    """The same with what it was made of; arguments and errors are those of `draw_overlay`."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"the picture is {image.dtype} {image.shape}; uint8 RGB (height, width, 3) is needed")
    factor = shrinkage(*image.shape[:2])
    frame = image if factor == 1 else reduce_picture(image, factor)
    canvas = Canvas(frame)
    outputs = [smaller(output, factor) for output in outputs]
    marks = [output for output in outputs if type(output) in DRAWERS]
    legend = [entry for output in marks for entry in DRAWERS[type(output)].draw(canvas, output)]
    measured = [output for output in outputs if isinstance(output, Measurement)]
    legend += draw_measurements(canvas, measured, first_colour=len(legend) + 1)
    overlay = np.concatenate([canvas.picture, draw_caption(canvas.picture.shape[1], legend, caption_lines)])
    return Drawn(overlay, frame, tuple(canvas.marks), tuple(legend))


def shown_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels at which a frame of that size is drawn: enlarged or made smaller by a whole factor."""
    factor = shrinkage(height, width)
    height, width = ceil(height / factor), ceil(width / factor)
    larger = enlargement(height, width)
    return larger * height, larger * width


def marks_nothing(outputs: Sequence[Output]) -> bool:
    """Whether the outputs should mark places in the frame and not one of them does."""
    marks = [output for output in outputs if type(output) in DRAWERS]
    return bool(marks) and all(DRAWERS[type(output)].is_empty(output) for output in marks)
