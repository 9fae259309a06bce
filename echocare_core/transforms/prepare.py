"""A recorded frame as the network wants it: cropped to what the probe saw, scaled, padded, in a range of values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Compose, InvertibleTransform, MapTransform, Resized, ScaleIntensityRanged, SpatialPadd

from echocare_core.transforms.crop import CropToScanRegiond


class PrepareScand(MapTransform, InvertibleTransform):
    """Crop to the scan region, resize its long side, pad to the size of the network's input, scale the values.

    Proportions are kept. Inverting it brings a result back to the recorded frame, as for each of its parts:
    `CropToScanRegiond`, and MONAI's `Resized`, `SpatialPadd` and `ScaleIntensityRanged`.

    Args:
        keys: the picture first, float (channel, height, width) in [0, 255]; masks of it after it.
        size: (height, width) in pixels of the result; the long side of the scan region becomes the larger of the two.
        mode: interpolation of each key, as for `Resized`.
        anti_aliasing: of each key, as for `Resized`.
        value_range: what 0 and 255 become; of the first key only.

    Raises:
        UnreadableFrames: the scan region is too small to show anything.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        size: Sequence[int],
        mode: str | Sequence[str],
        anti_aliasing: bool | Sequence[bool],
        value_range: Sequence[float],
    ) -> None:
        super().__init__(keys)
        low, high = value_range
        self.steps = Compose(
            [
                CropToScanRegiond(keys),
                Resized(keys, max(size), size_mode="longest", mode=mode, anti_aliasing=anti_aliasing),
                SpatialPadd(keys, size),
                ScaleIntensityRanged(self.keys[0], a_min=0, a_max=255, b_min=low, b_max=high, clip=True),
            ]
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        return self.steps(dict(data))

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        return self.steps.inverse(dict(data))


class PrepareLooksd(MapTransform, InvertibleTransform):
    """Several pictures of one frame, each prepared by itself (`PrepareScand`), as one with the channels of all.

    It stands in the place of the first and has its meta; the others are taken out. Inverting it brings a result back to
    the recorded frame, as it does for the first.

    Args:
        keys: pictures, each with its own `scan_box` in its meta (`LookCloserd`).
        size, mode, anti_aliasing, value_range: of all, as for `PrepareScand`.

    Raises:
        UnreadableFrames: a scan region is too small to show anything.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        size: Sequence[int],
        mode: str,
        anti_aliasing: bool,
        value_range: Sequence[float],
    ) -> None:
        super().__init__(keys)
        same: dict[str, Any] = {"size": size, "mode": mode, "anti_aliasing": anti_aliasing, "value_range": value_range}
        self.looks = [PrepareScand(key, **same) for key in self.keys]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for look in self.looks:
            item = look(item)
        first, *others = self.keys
        pixels = torch.cat([item[key].as_tensor() for key in self.keys])
        item[first] = MetaTensor(pixels, meta=item[first].meta, applied_operations=item[first].applied_operations)
        return {key: one for key, one in item.items() if key not in others}

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        return self.looks[0].inverse(data)
