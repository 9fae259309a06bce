"""Pictures of a poor scanner made of those of a good one: to learn from, and the same ones each time to measure on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from typing import Any
from zlib import crc32

import numpy as np
from monai.config import KeysCollection
from monai.transforms import Compose, MapTransform
from monai.utils import convert_to_numpy

from echocare_core.transforms.augmentation import (
    RandAxialBlurd,
    RandLineDensityd,
    RandLogCompressiond,
    RandSpeckled,
    RandTimeGaind,
)
from echocare_core.transforms.augmentation.random_change import Range

UNCHANGED = (1.0, 1.0), (0.0, 0.0)  # of dynamic range, and of gain
SLIDERS = 6  # of the time gain


class RandPoorScannerd(Compose):
    """Faults of a scanner in the order in which they come about: blur along the beams, few beams, speckle, a wrong gain
    at some depths, a wrong gain everywhere, and a small dynamic range; each comes or stays away by itself.

    Args:
        keys: see `RandomChange`.
        prob: of each fault.
        blur_px: see `RandAxialBlurd`; its `sigma_px`.
        lines: see `RandLineDensityd`.
        speckle, grain_px: see `RandSpeckled`; the first is its `strength`.
        time_gain: see `RandTimeGaind`.
        gain, dynamic_range: see `RandLogCompressiond`.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        prob: float,
        blur_px: Range,
        lines: Range,
        speckle: Range,
        grain_px: Range,
        time_gain: float,
        gain: Range,
        dynamic_range: Range,
    ) -> None:
        same_range, no_gain = UNCHANGED
        super().__init__(
            [
                RandAxialBlurd(keys, prob, blur_px),
                RandLineDensityd(keys, prob, lines),
                RandSpeckled(keys, prob, speckle, grain_px),
                RandTimeGaind(keys, prob, time_gain, SLIDERS),
                RandLogCompressiond(keys, prob, gain, same_range),
                RandLogCompressiond(keys, prob, no_gain, dynamic_range),
            ]
        )


class FixedByContentd(MapTransform):
    """Random transforms that draw by what is in a picture: the same picture is changed alike, whoever asks, in whatever
    order and however often, and another picture otherwise.

    MONAI's `set_determinism` fixes the draws of a whole run, in which one picture more changes all that follow.

    Args:
        keys: the first is the picture whose pixels are counted.
        transforms: random transforms of the item.
        seed: another one gives other changes.
    """

    def __init__(self, keys: KeysCollection, transforms: Sequence[Callable[..., Any]], seed: int) -> None:
        super().__init__(keys)
        self.transforms, self.seed = Compose(transforms), seed

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        pixels = np.ascontiguousarray(convert_to_numpy(data[self.keys[0]]))
        drawn = deepcopy(self.transforms)  # a data set prepares several items at once
        drawn.set_random_state(seed=crc32(pixels.tobytes(), self.seed))
        return dict(drawn(dict(data)))
