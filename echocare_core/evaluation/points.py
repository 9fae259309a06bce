"""Landmarks beside true ones: how far each lies from where it should.

Their mean is `mean_of("error_mm", "mm")`, the success detection rate `share_within("error_mm", 2.0)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FAR_PX = 1e9  # of a pair of ends of which one is not known: farther than any two that are


def radial_errors_mm(
    found_px: NDArray[np.floating], true_px: NDArray[np.floating], spacing_mm: tuple[float, float]
) -> NDArray[np.float64]:
    """Distance of each landmark from its true place, float (points,) in mm; nan where one of both is not known.

    Args:
        found_px: (points, 2) row, column.
        true_px: (points, 2).
        spacing_mm: (row, column) of a pixel.
    """
    apart = (np.asarray(found_px, float) - np.asarray(true_px, float)) * np.asarray(spacing_mm, float)
    return np.hypot(apart[:, 0], apart[:, 1])


def pair_ends(true_px: NDArray[np.floating], found_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """The two true ends of each axis in the order of the found ones: the pairs whose distances together are least.

    Args:
        true_px: (axes, 2, 2), row and column of both ends, which have no order of their own; nan where one is unknown.
        found_px: (axes, 2, 2); nan where one was not found. A known end goes to a found one.
    """
    true, found = np.asarray(true_px, float), np.asarray(found_px, float)
    orders = np.stack([true, true[:, ::-1]])
    apart = np.nan_to_num(np.linalg.norm(orders - found, axis=-1), nan=FAR_PX).sum(axis=-1)
    paired: NDArray[np.float64] = orders[apart.argmin(axis=0), np.arange(len(true))]
    return paired
