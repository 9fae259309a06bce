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


def share_inside(evidence: NDArray[np.floating], drawn: Mask) -> tuple[float, float]:
    """How much of the evidence for a class lies inside a drawn mask, and how much would by chance.

    Args:
        evidence: (height, width), above 0 where a place speaks for the class; nan where nobody looked.
        drawn: bool, of the same size.

    Returns:
        Of the sum of what is above 0, the share inside the mask; and the share of the places that were looked at that
        the mask takes, which evidence without a place would have. Both nan where no place speaks for the class, or
        nothing is drawn.
    """
    seen, strength = ~np.isnan(evidence), np.fmax(evidence, 0)  # 0 where it is nan
    if not drawn[seen].any() or not strength.any():
        return math.nan, math.nan
    return float(strength[drawn].sum(dtype=np.float64) / strength.sum(dtype=np.float64)), float(drawn[seen].mean())


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
