"""Time gain compensation: sliders that brighten or darken one depth."""

from __future__ import annotations

import numpy as np
from monai.config import KeysCollection
from scipy.interpolate import PchipInterpolator

from echocare_core.errors import SettingsError
from echocare_core.transforms.augmentation.compression import brighten
from echocare_core.transforms.augmentation.random_change import Floats, RandomChange
from echocare_core.transforms.augmentation.scan_field import find_scan_field


class RandTimeGaind(RandomChange):
    """Another gain at each depth, as the sliders of a console set it (Singla et al. 2022, MIDL, "Speckle and Shadows").

    A smooth curve runs through the sliders, which are drawn evenly in depth; depth runs along the beams.

    Args:
        keys: see `RandomChange`.
        prob: likewise.
        gain: greatest shift of a slider to either side, a share of black to white; 0 changes nothing.
        sliders: how many.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a gain below 0, or fewer than two sliders.
    """

    def __init__(
        self, keys: KeysCollection, prob: float, gain: float, sliders: int, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, prob, allow_missing_keys)
        if not gain >= 0 or sliders < 2:
            raise SettingsError(
                f"RandTimeGaind got gain={gain!r} and sliders={sliders!r}; needed a gain from 0 on and two sliders at "
                "least. Correct them."
            )
        self.gain, self.sliders = gain, sliders

    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        field = find_scan_field(picture)
        if field is None:
            return picture
        places, steps = np.linspace(0, 1, self.sliders), np.linspace(0, 1, 256)
        curve = PchipInterpolator(places, generator.uniform(-self.gain, self.gain, self.sliders))(steps)
        return brighten(picture, np.interp(field.depth, steps, curve).astype(np.float32))
