"""Haze: a band of clutter over tissue and cysts alike."""

from __future__ import annotations

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range, grain
from echocare_core.transforms.augmentation.scan_field import find_scan_field

GRAIN_PX, CONTRAST = 1.0, 0.4  # of the clutter: size of its grains, standard deviation over mean


class RandHazed(RandomChange):
    """Add a band of clutter with a Gaussian profile along the beams (Østvik et al. 2021, IEEE Trans Med Imaging
    40:1340; Tupper & Gagné 2025, arXiv 2501.13193). Outside the scan field it adds nothing.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        strength: least and greatest mean brightness in the middle of the band; [0, 0] changes nothing.
        depth: least and greatest depth of its middle, a share of the field's.
        thickness: least and greatest standard deviation of its profile, likewise.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float,
        strength: Range,
        depth: Range,
        thickness: Range,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.strength = check_range(self, "strength", strength, 0, 1)
        self.depth = check_range(self, "depth", depth, 0, 1)
        self.thickness = check_range(self, "thickness", thickness, 0.01, 1)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        field = find_scan_field(picture)
        if field is None:
            return picture
        strength, depth, thickness = (generator.uniform(*one) for one in (self.strength, self.depth, self.thickness))
        profile = np.exp(-0.5 * ((field.depth - depth) / thickness) ** 2) * field.inside
        clutter = np.maximum(1 + CONTRAST * grain(generator, profile.shape, GRAIN_PX), 0)
        return picture + (strength * profile * clutter).astype(np.float32)
