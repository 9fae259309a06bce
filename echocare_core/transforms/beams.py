"""How the beams run in a picture, found before it is scaled and noted in its meta, for measuring along them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy

from echocare_core.frames.sector import Beams, find_beams

_BEAMS = "beams"


class NoteBeamsd(MapTransform):
    """Note in the meta of a picture how its beams run (`frames.sector.find_beams`), in pixels of its scan region.

    Args:
        keys: pictures as `LoadUltrasoundd` leaves them, float (3, height, width) in [0, 255]; they stay as they are.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            image = item[key]
            top, left, bottom, right = (int(edge) for edge in image.meta["scan_box"])
            region = convert_to_numpy(image)[:, top:bottom, left:right]
            found = find_beams(np.moveaxis(region, 0, -1).astype(np.uint8)) if region.size else None
            image.meta[_BEAMS] = torch.tensor(found or [np.nan] * len(Beams._fields), dtype=torch.float64)
        return item


def is_noted(meta: Mapping[str, Any]) -> bool:
    """Whether somebody has looked how the beams run."""
    return _BEAMS in meta


def beams_in(meta: Mapping[str, Any]) -> Beams | None:
    """What the note says; None where it says that nothing is known."""
    beams = Beams(*(float(number) for number in meta[_BEAMS]))
    return None if np.isnan(beams.top) else beams
