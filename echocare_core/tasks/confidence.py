"""How sure a network is of what it outlined: parts of a mask that it is not sure of are taken out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure


def keep_confident_parts(
    mask: NDArray[np.uint8], probabilities: NDArray[np.floating], least: Mapping[int, float]
) -> NDArray[np.uint8]:
    """A mask without the separate parts of a label whose confidence is below the least one of that label.

    The confidence of a part is the mean, over its pixels, of the probability of its label: a network that has to
    outline something where there is nothing does so with probabilities near a half.

    Args:
        mask: uint8 (height, width), label numbers, as from an argmax of `probabilities`.
        probabilities: (labels with the background, height, width).
        least: label number -> mean probability, from 0 to 1; other labels keep all their parts.

    Returns:
        A mask of the same size, 0 where a part was taken out.
    """
    kept = mask.copy()
    for label, confidence in least.items():
        parts = measure.label(mask == label)
        numbers = np.arange(1, parts.max() + 1)
        unsure = numbers[np.atleast_1d(ndimage.mean(probabilities[label], parts, numbers)) < confidence]
        kept[np.isin(parts, unsure)] = 0
    return kept
