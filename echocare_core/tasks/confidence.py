"""How sure a network is of what it outlined: unsure parts become what else is likeliest, outlines have a number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from echocare_core.evaluation.mask_scores import dice


def keep_confident_parts(
    mask: NDArray[np.uint8], probabilities: NDArray[np.floating], least: Mapping[int, float]
) -> NDArray[np.uint8]:
    """A mask without the separate parts of a label whose confidence is below the least one of that label.

    The confidence of a part is the mean, over its pixels, of the probability of its label: a network that has to
    outline something where there is nothing does so with probabilities near a half. What is taken out becomes, pixel by
    pixel, the likeliest of the other labels or background: a mass that is none leaves no hole in its organ.

    Args:
        mask: uint8 (height, width), label numbers, as from an argmax of `probabilities`.
        probabilities: (labels with the background, height, width).
        least: label number -> mean probability, from 0 to 1; other labels keep all their parts.

    Returns:
        A mask of the same size.
    """
    kept, left = mask.copy(), probabilities.copy() if least else probabilities
    while sum(_take_out(kept, left, probabilities, label, least[label]) for label in least):
        pass  # what fell to a label may make a part of it unsure
    return kept


def _take_out(
    kept: NDArray[np.uint8],
    left: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    label: int,
    confidence: float,
) -> int:
    """Give the unsure parts of a label to the likeliest of those `left`, in place; how many there were."""
    parts = measure.label(kept == label)
    numbers = np.arange(1, parts.max() + 1)
    unsure = numbers[np.atleast_1d(ndimage.mean(probabilities[label], parts, numbers)) < confidence]
    out = np.isin(parts, unsure)
    left[label][out] = -1.0
    kept[out] = left[:, out].argmax(axis=0)
    return len(unsure)


def outline_agreement(
    probability: NDArray[np.floating], part: NDArray[np.bool_], between: tuple[float, float]
) -> float:
    """How far an outline depends on the probability from which on a pixel belongs to it.

    Dice of the two outlines of a part that a low and a high threshold draw: 1 where the probability falls steeply all
    round, little where it falls slowly and the outline might as well lie elsewhere.

    Args:
        probability: (height, width) of the label.
        part: (height, width), what was outlined.
        between: the low threshold and the high one; the larger area is what is connected to the part above the low.

    Returns:
        0 to 1; nan where nothing of the part lies above the low threshold.
    """
    low, high = between
    areas = measure.label(probability >= low)
    touched = np.unique(areas[part & (areas > 0)])
    if not len(touched):
        return float("nan")
    wide = np.isin(areas, touched)
    return dice(wide, wide & (probability >= high))
