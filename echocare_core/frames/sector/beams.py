"""The beams of a scan sector: along which line sound reaches a place, and where it enters the picture.

A linear array sends them straight down. Those of a curved or phased array, and of a linear one that shows a trapezium,
fan out from an apex above the picture, which its flanks meet in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from echocare_core.frames.sector.mask import WORK_PX, fit_sector
from echocare_core.frames.sector.shape import (
    INNER,
    LEFT_ANGLE,
    OUTER,
    RIGHT_ANGLE,
    TOP,
    Floats,
    X,
    Y,
    distances,
)

OPENING = np.radians(8.0)  # between the flanks: less is a linear array, or one that is steered
SEEN = 0.2  # length of both flanks together in the picture, as a share of its long side: less is no flank


class Beams(NamedTuple):
    """How the beams of a sector run, in pixels of its picture; a row of 0 is the upper edge of the first pixels.

    Attributes:
        top: row above which there is no sector.
        apex_row, apex_column: where beams that fan out come from; nan where they run straight down.
        radius: from there to the arc where they enter; 0 where they begin in the apex or at `top`.
    """

    top: float
    apex_row: float = np.nan
    apex_column: float = np.nan
    radius: float = 0.0

    def entries(self, places: NDArray[np.floating]) -> Floats:
        """Where the beams to some places enter the sector: at the skin, where the picture shows all of the sector.

        Args:
            places: (places, 2), (row, column).

        Returns:
            (places, 2), of each place above it or, where it lies outside of the sector, the place itself.
        """
        if np.isnan(self.apex_row):
            return np.stack([np.minimum(self.top, places[:, 0]), places[:, 1]], axis=1)
        apex = np.array([self.apex_row, self.apex_column])
        along = places - apex
        length = np.maximum(np.hypot(*along.T), 1e-9)
        down = np.maximum(along[:, 0], 1e-9)
        share = np.maximum(self.radius / length, (self.top - self.apex_row) / down)
        return np.asarray(apex + np.clip(share, 0.0, 1.0)[:, np.newaxis] * along)


def find_beams(pixels: NDArray[np.uint8]) -> Beams | None:
    """Find how the beams run in a picture.

    Args:
        pixels: as for `scan_sector`.

    Returns:
        None where the picture is blank, or no sector's shape fits what it shows.
    """
    _, shape = fit_sector(pixels)
    if shape is None:
        return None
    height, width = pixels.shape[-3:-1]
    scale = max(height, width) / WORK_PX
    top = scale * max(0.0, float(shape[TOP]))
    if not _fan_out(shape, height / scale, width / scale):
        return Beams(top)
    return Beams(top, *(scale * float(number) for number in (shape[Y], shape[X], max(0.0, shape[INNER]))))


def _fan_out(shape: Floats, height: float, width: float) -> bool:
    """Whether flanks are to be seen that part from each other."""
    if shape[LEFT_ANGLE] + shape[RIGHT_ANGLE] < OPENING:
        return False
    along = np.arange(max(0.0, float(shape[INNER])), float(shape[OUTER]))
    seen = 0
    for angle, side in ((shape[LEFT_ANGLE], -1), (shape[RIGHT_ANGLE], 1)):
        x, y = shape[X] + side * np.sin(angle) * along, shape[Y] + np.cos(angle) * along
        shown = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
        seen += np.count_nonzero(shown & (distances(shape, x, y).max(axis=0) < 0.01))
    return bool(seen >= SEEN * max(height, width))
