"""A predicted mask beside a drawn one: overlap, and how far their outlines lie apart in mm.

MONAI's metrics give the same numbers of one-hot tensors; these need neither torch nor a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

Mask = NDArray[np.bool_]
Distances = NDArray[np.float64]
Spacing = tuple[float, float]


def dice(predicted: Mask, drawn: Mask) -> float:
    """Dice coefficient 2 |A and B| / (|A| + |B|); 1 where both are empty."""
    total = int(predicted.sum()) + int(drawn.sum())
    return 2.0 * int((predicted & drawn).sum()) / total if total else 1.0


def iou(predicted: Mask, drawn: Mask) -> float:
    """Intersection over union, the Jaccard index; 1 where both are empty."""
    union = int((predicted | drawn).sum())
    return int((predicted & drawn).sum()) / union if union else 1.0


def hausdorff_95_mm(predicted: Mask, drawn: Mask, spacing_mm: Spacing) -> float:
    """The larger of the 95th percentiles of the distances from each outline to the other (Huttenlocher 1993, MONAI).

    Args:
        predicted: bool (height, width).
        drawn: likewise, of the same size.
        spacing_mm: (row, column) of a pixel.

    Returns:
        Millimetres; the diagonal of the frame where one mask alone is empty, so that a missed object counts as the
        worst of all (Maier-Hein et al. 2024), and nan where both are.
    """
    return _of_outlines(predicted, drawn, spacing_mm, _larger_95th)


def average_surface_distance_mm(predicted: Mask, drawn: Mask, spacing_mm: Spacing) -> float:
    """Mean of the distances from each point of one outline to the other outline, both ways together.

    Args and Returns: as of `hausdorff_95_mm`.
    """
    return _of_outlines(predicted, drawn, spacing_mm, _mean_of_both)


def _larger_95th(there: Distances, back: Distances) -> float:
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _mean_of_both(there: Distances, back: Distances) -> float:
    return float(np.concatenate([there, back]).mean())


def _of_outlines(
    predicted: Mask, drawn: Mask, spacing_mm: Spacing, combine: Callable[[Distances, Distances], float]
) -> float:
    if not predicted.any() and not drawn.any():
        return math.nan
    if not predicted.any() or not drawn.any():
        return math.hypot(*(side * spacing for side, spacing in zip(drawn.shape, spacing_mm, strict=True)))
    rows, columns = (slice(found.min(), found.max() + 1) for found in np.nonzero(predicted | drawn))
    outlines = [_outline(mask[rows, columns]) for mask in (predicted, drawn)]
    there, back = (
        distance_transform_edt(~target, sampling=spacing_mm)[source] for source, target in (outlines, outlines[::-1])
    )
    return combine(there, back)


def _outline(mask: Mask) -> Mask:
    """Pixels of a mask that touch its outside by an edge; the frame's border is outside."""
    return mask & ~binary_erosion(mask)
