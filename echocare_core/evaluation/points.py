"""Landmarks beside true ones: how far each lies from where it should.

Their mean is `mean_of("error_mm", "mm")`, the success detection rate `share_within("error_mm", 2.0)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
