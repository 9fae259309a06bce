"""Reverberation: echoes that run between two layers come back again and again, each time deeper and fainter."""

from __future__ import annotations

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field

TIMES = 3  # that an echo comes back


class RandReverberationd(RandomChange):
    """Add fainter copies of the picture further down the beams (Tirindelli et al. 2021, arXiv 2105.02188, does so with
    the echo of a bone). Outside the scan field it adds nothing.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        strength: least and greatest brightness of a copy over that of the one before; [0, 0] changes nothing.
        spacing: least and greatest distance of the copies, a share of the field's depth.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self, keys: KeysCollection, prob: float, strength: Range, spacing: Range, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.strength = check_range(self, "strength", strength, 0, 0.9)
        self.spacing = check_range(self, "spacing", spacing, 0.01, 1)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        field = find_scan_field(picture)
        if field is None:
            return picture
        strength, spacing = generator.uniform(*self.strength), generator.uniform(*self.spacing)
        total = np.array(picture)
        for time in range(1, TIMES + 1):
            echo = field.sample(picture, field.depth - np.float32(time * spacing), field.beam)
            total += np.float32(strength**time) * echo * field.inside
        return total
