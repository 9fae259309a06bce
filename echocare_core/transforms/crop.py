"""Crop to what the probe saw: menus, rulers and patient banners stay out of the network."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import Crop, InvertibleTransform, MapTransform


class CropToScanRegiond(MapTransform, InvertibleTransform):
    """Crop to the 2-D ultrasound region that the file names (DICOM PS3.3 C.8.5.5); the whole picture where it names none.

    Inverting it pads the result back to the recorded frame, so masks land where they belong.

    Args:
        keys: entries to crop; all by the region of the first, whose meta holds `scan_box` as `LoadUltrasoundd` wrote it.
        allow_missing_keys: skip those an item does not have.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.cropper = Crop()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        top, left, bottom, right = (int(edge) for edge in item[self.keys[0]].meta["scan_box"])
        for key in self.key_iterator(item):
            item[key] = self.cropper(item[key], (slice(top, bottom), slice(left, right)))
        return item

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.cropper.inverse(item[key])
        return item
