"""Gain and dynamic range: how a scanner maps echoes to grey."""

from __future__ import annotations

import math

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range

KNEE = 0.05  # brightness below which a change fades out: what is black may be cut off, or background


class RandLogCompressiond(RandomChange):
    """Other gain and dynamic range of the log compression n1 ln(x) + n2 (Kaplan & Ma 1993, IEEE Ultrasonics Symposium,
    961): n1 stretches grey levels, here about the picture's mean as if somebody had set the gain anew, n2 shifts them.
    The curve is smooth and monotone, and black stays black.

    MONAI's `RandAdjustContrastd` (a power) and `RandHistogramShiftd` (any monotone curve) change greys otherwise.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        gain: least and greatest shift, a share of black to white; [0, 0] for none.
        dynamic_range: least and greatest quotient of the new dynamic range (in dB) by the old one, drawn evenly in its
            logarithm; [1, 1] for the same. Below 1 contrast is harder.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self, keys: KeysCollection, prob: float, gain: Range, dynamic_range: Range, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.gain = check_range(self, "gain", gain, -1, 1)
        self.dynamic_range = check_range(self, "dynamic_range", dynamic_range, 0.1, 10)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        gain = np.float32(generator.uniform(*self.gain))
        low, high = (math.log(one) for one in self.dynamic_range)
        steeper = np.float32(math.exp(-generator.uniform(low, high)))
        lit = picture[picture > KNEE]
        middle = lit.mean() if lit.size else np.float32(0)
        return brighten(picture, (picture - middle) * (steeper - 1) + gain)


def brighten(picture: Floats, by: Floats | np.float32) -> Floats:
    """Add to the grey levels; at black nothing, so that neither background nor what lies below the noise lights up.

    Args:
        picture: (channel, height, width) in [0, 1].
        by: what to add, of a shape that fits; may be negative.
    """
    return picture + by * (1 - np.exp(picture * np.float32(-1 / KNEE)))
