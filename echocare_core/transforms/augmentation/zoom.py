"""Zoom that keeps the scan sector where it is: another depth setting."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_dst_type, convert_to_numpy, ensure_tuple_rep

from echocare_core.transforms.augmentation.random_change import Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field, sample_pixels


class RandScanZoomd(RandomizableTransform, MapTransform):
    """Magnify what lies in the scan field about the middle of the probe's face; the field itself stays (Singla et al.
    2022, MIDL, "Speckle and Shadows"). MONAI's `RandZoomd` and `RandAffined` move its edges too.

    Args:
        keys: the picture first, float (channel, height, width) in [0, 1], upright; masks of it after it, which move
            alike.
        prob: probability that an item is changed.
        zoom: least and greatest magnification, 1 or more; [1, 1] changes nothing. (Below 1 there would be no tissue to
            show at the edges.)
        mode: interpolation of each key, "bilinear" or "nearest".
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        prob: float,
        zoom: Range,
        mode: str | Sequence[str],
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.zoom = check_range(self, "zoom", zoom, 1)
        self.mode = ensure_tuple_rep(mode, len(self.keys))
        self._zoom = 1.0

    def randomize(self, data: Any = None) -> None:
        """Draw whether, and how much, the next item is magnified."""
        super().randomize(data)
        self._zoom = float(self.R.uniform(*self.zoom))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        self.randomize()
        field = find_scan_field(convert_to_numpy(item[self.keys[0]])) if self._do_transform else None
        if field is None:
            return item
        x, y = field.face
        rows, columns = np.indices(field.inside.shape, dtype=np.float32)
        columns, rows = x + (columns - x) / self._zoom, y + (rows - y) / self._zoom
        for key, mode in self.key_iterator(item, self.mode):
            values = convert_to_numpy(item[key])
            moved = sample_pixels(values, columns, rows, mode=mode) * field.inside
            item[key] = convert_to_dst_type(moved, item[key], dtype=values.dtype)[0]
        return item
