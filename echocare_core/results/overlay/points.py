"""Points on their frame: a small cross whose middle stays free, numbered where there is more than one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from echocare_core.results.overlay.canvas import Canvas, colour_of
from echocare_core.results.overlay.marks import Key
from echocare_core.results.wording import NOT_FOUND, name_text
from echocare_core.types import Points

_FROM, _TO = 1.5, 5.0  # where the arms of a cross begin and end, in thicknesses of a line from its middle


def draw_points(canvas: Canvas, points: Points) -> Iterator[Key]:
    """Mark every point that was found, its number beside it.

    Returns:
        Colour and name of each point; of one that was not found, its name says so.
    """
    numbered = len(points.names) > 1
    for number, (position, name) in enumerate(zip(points.positions_px, points.names, strict=True), start=1):
        words, colour = f"{f'{number} ' if numbered else ''}{name_text(name)}", colour_of(number)
        if np.isnan(position).any():
            yield Key(colour, f"{words} {NOT_FOUND}", "point")
            continue
        arms = _arms(canvas, position + 0.5)  # a pixel's centre is its middle
        canvas.draw_lines(arms, canvas.box_around(np.concatenate(arms)), colour)
        if numbered:
            row, column = position + 0.5
            reach = _TO * canvas.thickness / canvas.factor
            canvas.write(str(number), row - reach / 2, column + reach / 2, colour)
        yield Key(colour, words, "point")


def _arms(canvas: Canvas, middle: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """The four arms of a cross, each a line from near its middle outwards."""
    unit = canvas.thickness / canvas.factor
    directions = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
    return [np.stack([middle + _FROM * unit * one, middle + _TO * unit * one]) for one in directions]
