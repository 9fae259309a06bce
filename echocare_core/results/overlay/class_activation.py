"""A class activation map on its frame: a translucent colour, the denser the more a place speaks for the class."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from echocare_core.results.overlay.canvas import Canvas, colour_of
from echocare_core.results.overlay.marks import Key
from echocare_core.results.wording import name_text
from echocare_core.types import ClassActivation

COLOUR = colour_of(6)  # vermilion, which no outline of a mask with a few labels has
DENSEST = 0.5  # opacity where the evidence is beyond doubt: the speckle below must stay readable
SEEN = 0.01  # opacity that can be told from none


def draw_activation(canvas: Canvas, activation: ClassActivation) -> Iterator[Key]:
    """Shade what speaks for the class; what speaks against it, and what the network did not see, stays as recorded.

    The opacity is in proportion to the evidence, and where that is strongest its hyperbolic tangent: of two classes, by
    how much the one would be likelier than the other if the whole picture were as that place is. So weak evidence looks
    weak.

    Returns:
        The colour and what it stands for; that there is no such place, where there is none.
    """
    evidence = np.fmax(activation.evidence, 0)  # 0 where it is nan
    strongest = float(evidence.max(initial=0)) or 1.0
    opacity = evidence * (DENSEST * math.tanh(strongest) / strongest)
    words = f"evidence for {name_text(activation.label)} (class activation map, not an outline)"
    rows, columns = (np.flatnonzero((opacity >= SEEN).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        yield Key(COLOUR, f"{words}: nowhere", "shade")
        return
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    canvas.draw_pixels(opacity[top:bottom, left:right], (top, left, bottom, right), COLOUR, smooth=True)
    yield Key(COLOUR, words, "shade")
