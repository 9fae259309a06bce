"""A mask on its frame: every label outlined, and hardly tinted inside."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from skimage.measure import find_contours, label

from echocare_core.results.overlay.canvas import Box, Canvas, Colour, colour_of
from echocare_core.results.overlay.marks import Key
from echocare_core.types import Mask

MOST_EDGES = 1 << 14  # between pixels: a smooth outline round a whole screen has half as many, noise a million
FILL = 0.07  # share of the label's colour inside its outline: the speckle must stay readable


def draw_mask(canvas: Canvas, mask: Mask) -> Iterator[Key]:
    """Outline every label but for specks; a value without a name is called "label n".

    Returns:
        Colour and name of each label that was found.
    """
    for value in (int(value) for value in np.unique(mask.values) if value):
        _draw_label(canvas, without_specks(mask.values == value, mask.smallest_share), colour_of(value))
        name = mask.labels.get(value, f"label {value}").replace("_", " ")
        yield Key(colour_of(value), name, "outline")


def without_specks(part: NDArray[np.bool_], smallest_share: float) -> NDArray[np.bool_]:
    """Without the separate parts that are smaller than a share of the largest."""
    if not smallest_share:
        return part
    numbers = label(part)
    areas = np.bincount(numbers.ravel())
    areas[0] = 0
    return (areas >= smallest_share * areas.max())[numbers] & part


def _draw_label(canvas: Canvas, part: NDArray[np.bool_], colour: Colour) -> None:
    box = _box(part, canvas.margin_px)
    top, left, bottom, right = box
    inside = part[top:bottom, left:right]
    if sum(np.count_nonzero(np.diff(inside, axis=axis)) for axis in (0, 1)) > MOST_EDGES:
        canvas.draw_pixels(np.where(_edge(inside), 1.0, inside * FILL).astype(np.float32), box, colour)
        return
    # -1 for the pad, +0.5 since a pixel's centre is its middle
    contours = [contour - 0.5 + (top, left) for contour in find_contours(np.pad(inside, 1).astype(np.float32), 0.5)]
    canvas.draw_lines(contours, box, colour, fill=inside * FILL)


def _edge(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Its pixels with a neighbour outside: what is left to see of an outline too ragged to follow in bounded time."""
    return part & ~binary_erosion(part)


def _box(part: NDArray[np.bool_], margin: int) -> Box:
    """What is True, with a margin, inside the picture."""
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return (
        int(top),
        int(left),
        min(part.shape[0], int(rows[-1]) + margin + 1),
        min(part.shape[1], int(columns[-1]) + margin + 1),
    )
