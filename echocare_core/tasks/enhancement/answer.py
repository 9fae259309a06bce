"""The network's correction in the recorded frame, with everything that is no echo as it was recorded."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from echocare_core.frames.sector import scan_sector
from echocare_core.frames.sector.colour_doppler import colour_beside_map
from echocare_core.types import Measurement, Picture

ENHANCED, DIFFERENCE = "enhanced", "difference"
MEAN_CHANGE = "mean_change"
WHITE, MIDDLE = 255, 128
BESIDE_COLOUR = np.ones((3, 3), bool)  # compression has spread colours to their neighbours

Bytes = NDArray[np.uint8]


class EnhancementOutputd(MapTransform):
    """The corrected frame, and what was changed in it.

    Only echoes are changed: a pixel stays as it was recorded outside of the scan region and of the sector in it
    (`echocare_core.frames.sector.scan_sector`), where text and menus are, and where it or one beside it has a colour
    (Doppler, marks). What is drawn in grey over the tissue itself is taken for tissue.

    Args:
        keys: what the network gave, float (3, height, width) in [0, 1]; replaced by the enhanced frame, likewise. The
            item gets `outputs`: the enhanced picture, the difference, and by how much pixels were changed on average,
            in percent of black to white.
        image_key: the picture it was given, with its meta.
        colour_tolerance: a pixel whose channels differ by more grey levels, 0 to 255, has a colour; where the picture
            is in a tinted map, as sepia, what counts is how they differ from that
            (`echocare_core.frames.sector.colour_doppler.colour_beside_map`).
        difference_gain: by how much the difference is magnified in its picture, where 128 is no change.
    """

    def __init__(self, keys: KeysCollection, image_key: str, *, colour_tolerance: int, difference_gain: float) -> None:
        super().__init__(keys)
        self.image_key, self.colour_tolerance, self.difference_gain = image_key, colour_tolerance, difference_gain

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        image = item[self.image_key]
        recorded, box = as_bytes(convert_to_numpy(image)), tuple(int(edge) for edge in image.meta["scan_box"])
        changing = changeable(recorded, box, self.colour_tolerance)
        for key in self.key_iterator(item):
            corrected = as_bytes(convert_to_numpy(item[key]))
            enhanced = np.where(changing[..., None], corrected, recorded)
            change = enhanced[..., 0].astype(np.int16) - recorded[..., 0]
            item[key] = torch.from_numpy(enhanced).permute(2, 0, 1).float() / WHITE
            item["outputs"] = (
                Picture(ENHANCED, enhanced),
                Picture(DIFFERENCE, shown_difference(change, self.difference_gain)),
                Measurement(MEAN_CHANGE, mean_change(change, changing), "percent"),
            )
        return item


def as_bytes(picture: NDArray[np.floating]) -> Bytes:
    """(3, height, width) in [0, 1] as uint8 RGB (height, width, 3)."""
    levels = np.rint(np.clip(picture, 0, 1) * WHITE).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(levels, 0, -1))


def changeable(recorded: Bytes, scan_box: tuple[int, ...], colour_tolerance: int) -> NDArray[np.bool_]:
    """Where a frame, uint8 RGB (height, width, 3), shows echoes and nothing that was drawn over them."""
    top, left, bottom, right = scan_box
    coloured = np.rint(np.ptp(colour_beside_map(recorded), axis=-1)) > colour_tolerance
    echoes = scan_sector(recorded) & ~binary_dilation(coloured, BESIDE_COLOUR)
    changing = np.zeros_like(echoes)
    changing[top:bottom, left:right] = echoes[top:bottom, left:right]
    return changing


def shown_difference(change: NDArray[np.int16], gain: float) -> Bytes:
    """A change in grey levels as a picture: grey where there is none, brighter and darker as the pixels became."""
    levels = np.clip(np.rint(MIDDLE + gain * change), 0, WHITE).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=-1)


def mean_change(change: NDArray[np.int16], changing: NDArray[np.bool_]) -> float:
    """Mean absolute change of the pixels that may change, in percent of black to white; 0 where there are none."""
    return float(np.abs(change[changing]).mean()) / WHITE * 100 if changing.any() else 0.0
