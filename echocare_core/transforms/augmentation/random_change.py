"""What the random changes of a picture's values have in common: when they happen, where their numbers come from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_dst_type, convert_to_numpy
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from echocare_core.errors import SettingsError

Floats = NDArray[np.float32]
Range = Sequence[float]


class RandomChange(RandomizableTransform, MapTransform):
    """A random change of a picture's values, the same one for all keys; masks have no place among these.

    Args:
        keys: pictures, float (channel, height, width) in [0, 1], upright; they stay so.
        prob: probability that an item is changed.
        allow_missing_keys: skip those an item does not have.
    """

    def __init__(self, keys: KeysCollection, prob: float, allow_missing_keys: bool = False) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self._seed = 0

    def randomize(self, data: Any = None) -> None:
        """Draw whether, and with what numbers, the next item is changed."""
        super().randomize(data)
        self._seed = int(self.R.randint(2**31))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        self.randomize()
        if self._do_transform:
            for key in self.key_iterator(item):
                changed = self.change(convert_to_numpy(item[key]), np.random.default_rng(self._seed))
                item[key] = convert_to_dst_type(np.clip(changed, 0, 1), item[key])[0]
        return item

    @abstractmethod
    def change(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """The changed picture; what lies beyond [0, 1] is clipped afterwards.

        Args:
            picture: (channel, height, width), not to be written to.
            generator: of all random numbers.
        """


def check_range(owner: object, name: str, values: Range, low: float, high: float = np.inf) -> tuple[float, float]:
    """The least and the greatest number that may be drawn.

    Raises:
        SettingsError: no two such numbers.
    """
    try:
        least, greatest = (float(value) for value in values)
    except (TypeError, ValueError):
        least, greatest = np.nan, np.nan
    if not low <= least <= greatest <= high:
        bound = f"from {low:g} on" if high == np.inf else f"from {low:g} to {high:g}"
        raise SettingsError(
            f"{type(owner).__name__} got {name}={values!r}; needed the least and the greatest, numbers {bound}. "
            "Correct them."
        )
    return least, greatest


def grain(generator: np.random.Generator, size: tuple[int, ...], sigma_px: float) -> Floats:
    """Normal noise with grains of about `sigma_px`, mean 0 and variance 1, float32 (height, width)."""
    noise = gaussian_filter(generator.standard_normal(size, dtype=np.float32), sigma_px, mode="wrap", truncate=3)
    return noise / max(float(noise.std()), 1e-6)
