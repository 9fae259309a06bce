"""Acoustic shadow: what lies behind bone, calcification or air, or under a probe that has lost contact."""

from __future__ import annotations

import numpy as np
from monai.config import KeysCollection

from echocare_core.transforms.augmentation.random_change import Floats, RandomChange, Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field

EDGE = 0.03  # share of the depth over which a shadow begins
FLATNESS = 4  # exponent of its profile across the beams; 2 would be a Gaussian


class RandAcousticShadowd(RandomChange):
    """Darken a band of beams from some depth on (Smistad et al. 2018, J Med Imaging 5:044004, with a Gaussian spot;
    Singla et al. 2022, MIDL, along the beam).

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        strength: least and greatest share of the brightness that is lost; [0, 0] changes nothing.
        width: least and greatest width, a share of the field's.
        depth: least and greatest depth at which it begins, a share of the field's.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float,
        strength: Range,
        width: Range,
        depth: Range,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        self.strength = check_range(self, "strength", strength, 0, 1)
        self.width = check_range(self, "width", width, 0.01, 1)
        self.depth = check_range(self, "depth", depth, 0, 1)

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        field = find_scan_field(picture)
        if field is None:
            return picture
        strength, width, depth = (generator.uniform(*one) for one in (self.strength, self.width, self.depth))
        middle = generator.uniform(0, 1)
        across = np.exp(-(np.abs((field.beam - middle) / (width / 2)) ** FLATNESS))
        behind = np.clip((field.depth - depth) / EDGE, 0, 1)
        return picture * (1 - strength * across * behind).astype(np.float32)
