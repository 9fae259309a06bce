"""Crop to what the probe saw: menus, rulers and patient banners stay out of the network."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from monai.config import KeysCollection
from monai.transforms import Crop, InvertibleTransform, MapTransform

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.size import SMALLEST_PX


class CropToScanRegiond(MapTransform, InvertibleTransform):
    """Crop to the 2-D ultrasound region that the file names (DICOM PS3.3 C.8.5.5); the whole picture where it names
    none. Of a clip (channel, time, height, width) every frame is cropped alike.

    Inverting it pads the result back to the recorded frame, so masks land where they belong.

    Args:
        keys: entries to crop; all by the region of the first, whose meta holds `scan_box` as `LoadUltrasoundd` wrote
            it.
        allow_missing_keys: skip those an item does not have.

    Raises:
        UnreadableFrames: the region is too small to show anything.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.cropper = Crop()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        meta = item[self.keys[0]].meta
        top, left, bottom, right = (int(edge) for edge in meta["scan_box"])
        if min(bottom - top, right - left) < SMALLEST_PX:
            raise UnreadableFrames(
                Path(meta["filename_or_obj"]),
                f"names a scan region of {right - left}x{bottom - top} px; needed {SMALLEST_PX}x{SMALLEST_PX} px at "
                "least. Export the study again.",
            )
        for key in self.key_iterator(item):
            before = [slice(None)] * (item[key].ndim - 3)
            item[key] = self.cropper(item[key], (*before, slice(top, bottom), slice(left, right)))
        return item

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.cropper.inverse(item[key])
        return item
