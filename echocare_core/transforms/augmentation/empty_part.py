"""A part of a picture where nothing is labelled, in place of the whole: what a scan without a finding shows."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_dst_type, convert_to_numpy
from numpy.typing import NDArray

from echocare_core.transforms.augmentation.random_change import Floats, Range, check_range
from echocare_core.transforms.augmentation.scan_field import find_scan_field, sample_pixels

TRIES = 30  # places that are drawn before a picture is left as it is
LIT = 0.9  # share of the part that must lie in the scan field


class RandEmptyPartd(RandomizableTransform, MapTransform):
    """Magnify a part of the scan field in which nothing is labelled, and leave nothing of the label; the field itself
    stays. Data sets of lesions have few pictures without one: this makes more of the tissue beside them.

    A picture whose label leaves no room for such a part stays as it is.

    Args:
        keys: the picture, float (channel, height, width) in [0, 1], upright, and after it the label numbers of what is
            not to be in the part.
        prob: probability that an item is changed.
        part: least and greatest height of the part, as a share of that of the scan field.
        allow_missing_keys: skip those an item does not have.

    Raises:
        SettingsError: a range that is none.
    """

    def __init__(self, keys: KeysCollection, prob: float, part: Range, allow_missing_keys: bool = False) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.part = check_range(self, "part", part, 0, 1)
        self._parts = np.zeros((TRIES, 3))

    def randomize(self, data: Any = None) -> None:
        """Draw whether the next item is changed, and parts to try: height, and how far down and right of all room."""
        super().randomize(data)
        self._parts = self.R.uniform([self.part[0], 0, 0], [self.part[1], 1, 1], (TRIES, 3))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        self.randomize()
        image = self.keys[0]
        labels = [key for key in self.key_iterator(item) if key != image]
        field = find_scan_field(convert_to_numpy(item[image])) if self._do_transform else None
        if field is None:
            return item
        drawn = np.zeros_like(field.inside)
        for label in labels:
            drawn |= convert_to_numpy(item[label]).any(axis=0)
        places = self._empty_place(field.inside, drawn)
        if places is not None:
            values = convert_to_numpy(item[image])
            shown = sample_pixels(values, *places) * field.inside
            item[image] = convert_to_dst_type(shown, item[image], dtype=values.dtype)[0]
            for label in labels:
                item[label] = item[label] * 0
        return item

    def _empty_place(self, inside: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> tuple[Floats, Floats] | None:
        """Columns and rows, both (height, width), from which the first part that will do is taken; None without one."""
        lit_rows, lit_columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        top, left = lit_rows[0], lit_columns[0]
        height, width = lit_rows[-1] + 1 - top, lit_columns[-1] + 1 - left
        rows, columns = np.indices(inside.shape, dtype=np.float32)
        for share, down, right in self._parts:
            y, x = top + down * (1 - share) * height, left + right * (1 - share) * width
            part = np.s_[int(y) : math.ceil(y + share * height), int(x) : math.ceil(x + share * width)]
            if inside[part].mean() >= LIT and not drawn[part].any():
                return x + (columns - left) * np.float32(share), y + (rows - top) * np.float32(share)
        return None
