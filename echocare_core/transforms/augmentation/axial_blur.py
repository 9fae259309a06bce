"""Blur along the beams: a longer pulse, so that echoes one behind the other run into each other."""

from __future__ import annotations

import math

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field, sample_pixels

REACH = 2.0  # of the pulse to either side, in standard deviations


class RandAxialBlurd(RandomChange):
    """Spread every echo along its beam by a Gaussian, as a pulse of fewer frequencies does: axial resolution is half
    the length of the pulse (Szabo, Diagnostic Ultrasound Imaging, 2nd ed. 2014, chapter 10). Across the beams nothing
    changes; MONAI's `RandGaussianSmoothd` knows rows and columns only.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        sigma_px: least and greatest standard deviation of the Gaussian; [0, 0] changes nothing.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(self, keys: KeysCollection, prob: float, sigma_px: Range, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.sigma_px = check_range(self, "sigma_px", sigma_px, 0)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        sigma_px, field = generator.uniform(*self.sigma_px), find_scan_field(picture)
        if field is None or not sigma_px:
            return picture
        y, x = np.indices(picture.shape[-2:], dtype=np.float64)
        away_x, away_y = x - field.apex[0], y - field.apex[1]
        far = np.maximum(np.hypot(away_x, away_y), 1e-6)
        steps = np.arange(-math.ceil(REACH * sigma_px), math.ceil(REACH * sigma_px) + 1)
        weights = np.exp(-0.5 * (steps / sigma_px) ** 2)
        spread = sum(
            np.float32(weight) * sample_pixels(picture, x + step * away_x / far, y + step * away_y / far)
            for step, weight in zip(steps, weights / weights.sum(), strict=True)
        )
        return np.where(field.inside, spread, picture)
