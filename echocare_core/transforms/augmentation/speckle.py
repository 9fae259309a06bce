"""Speckle: another grain than the one that was recorded."""

from __future__ import annotations

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range, grain


class RandSpeckled(RandomChange):
    """Multiply by correlated noise: the interference of echoes scales with what is there (Burckhardt 1978, IEEE Trans
    Sonics Ultrason 25:1), and its grains are as large as the pulse. Black stays black.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        strength: least and greatest standard deviation of the noise, relative to the pixel; 0 changes nothing.
        grain_px: least and greatest size of a grain, as the standard deviation in pixels of a Gaussian.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self, keys: KeysCollection, prob: float, strength: Range, grain_px: Range, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.strength = check_range(self, "strength", strength, 0)
        self.grain_px = check_range(self, "grain_px", grain_px, 0)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        strength, sigma_px = generator.uniform(*self.strength), generator.uniform(*self.grain_px)
        noise = grain(generator, picture.shape[-2:], sigma_px)
        return picture * (1 + np.float32(strength) * noise)
