"""How deep below the skin something lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.frames.sector import Beams

Line = NDArray[np.floating[Any]]


def measure_depth(part: NDArray[np.bool_], beams: Beams, spacing: tuple[float, float]) -> tuple[float, Line]:
    """The shortest way along a beam from where it enters the sector to a part of a mask.

    That is the distance from the skin where the picture shows the sector from its top on; of a picture that was cut
    below it, the distance from the cut.

    Args:
        part: (height, width), what is looked for, at least one pixel.
        beams: of the same picture.
        spacing: (row, column) length of a pixel.

    Returns:
        Depth in the unit of `spacing`, and its line (2, 2) from the skin on, (row, column) in pixels whose centres have
        whole numbers.
    """
    columns = np.flatnonzero(part.any(axis=0))
    first = part[:, columns].argmax(axis=0)  # a beam meets the first pixel of a column before those below it
    edges = columns[:, np.newaxis] + np.array([0.0, 0.5, 1.0])
    places = np.stack([np.repeat(first, 3), edges.ravel()], axis=1).astype(float)
    entries = beams.entries(places)
    depths = np.hypot(*((places - entries) * spacing).T)
    as_near = np.flatnonzero(np.isclose(depths, depths.min()))
    nearest = as_near[len(as_near) // 2]  # the middle of a flat top
    return float(depths[nearest]), np.stack([entries[nearest], places[nearest]]) - 0.5
