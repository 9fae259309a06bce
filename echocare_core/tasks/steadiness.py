"""How steady the masks of a cine are: what each shares with that of the frame before, and what they do on the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from echocare_core.evaluation.mask_scores import dice
from echocare_core.types import Mask, Measurement, Output

SHARED = "dice_with_frame_before"  # end of the measurements' names, behind that of their label


def measure_steadiness(outputs: Sequence[Output], before: NDArray[np.uint8] | None) -> tuple[Measurement, ...]:
    """The Dice of the mask of a frame and that of the frame before, in percent, label by label.

    Args:
        outputs: of the frame.
        before: label numbers (height, width) of the frame before; None where there is none.

    Returns:
        `LABEL_dice_with_frame_before`, 0 where a label comes or goes; nothing of a label that neither frame has.
    """
    masks = [one for one in outputs if isinstance(one, Mask)]
    return tuple(
        Measurement(f"{name}_{SHARED}", 100 * dice(mask.values == label, before == label), "percent")
        for mask in masks
        if before is not None
        for label, name in mask.labels.items()
        if (mask.values == label).any() or (before == label).any()
    )


def mean_steadiness(parts: Sequence[Sequence[Output]]) -> tuple[Measurement, ...]:
    """The mean of each label over the frames of a cine; `cine` of `WriteResults`.

    Args:
        parts: outputs of each frame.

    Returns:
        `LABEL_dice_with_frame_before`; nothing of a label that no frame has.
    """
    shares = defaultdict(list)
    for one in (one for part in parts for one in part if isinstance(one, Measurement) and one.name.endswith(SHARED)):
        shares[one.name].append(one.value)
    return tuple(Measurement(name, fmean(values), "percent") for name, values in shares.items())
