"""A closer look at what another bundle outlines: its size and place in the meta of a picture, and its surroundings."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray

from echocare_core.errors import SettingsError
from echocare_core.recognition.within import BundleWithin
from echocare_core.tasks.measurements import in_recorded_frame
from echocare_core.transforms.outline import Outline, note_outline
from echocare_core.types import Measurement

LONG_AXIS = "_long_axis"  # what a bundle that outlines parts calls the longest extent of the largest one


class LookCloserd(MapTransform):
    """Outline a picture by another bundle, note what that measures, and add a copy of the picture that shows the
    surroundings of the largest part alone.

    The picture stays as it is. The copy has the same pixels and another `scan_box`: a square around the middle of the
    part's long axis, as far as the scan region reaches; where nothing is outlined, it shows the whole scan region.

    Args:
        keys: pictures, as `LoadUltrasoundd` leaves them.
        closer: name of the copy.
        segmenter: name or folder of the bundle that outlines; None for none, which is noted as such.
        widening: side of the square, in long axes.
        least_share: smallest side of the square, in long sides of the scan region.
        device: where to compute.

    Raises:
        SettingsError: a `widening` below 1, or a share that is none.
        BundleError: at the first picture, no such bundle: what is said without it would be something else.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        closer: str,
        segmenter: str | None,
        widening: float,
        least_share: float,
        device: str | torch.device,
    ) -> None:
        super().__init__(keys)
        if not (widening >= 1 and 0 < least_share <= 1):
            raise SettingsError(
                f"A closer look has widening {widening!r} and least_share {least_share!r}; needed 1 or more, and a "
                "share above 0 to 1. Set them so."
            )
        self.closer, self.widening, self.least_share = closer, widening, least_share
        self.segmenter, self.device = segmenter, str(device)
        self._within: BundleWithin | None = None

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            picture = item[key]
            measured = self._measured(picture)
            axis = _long_axis(measured or ())
            box = [int(edge) for edge in picture.meta["scan_box"]]
            note_outline(picture, None if measured is None else _outline(measured, axis, box, _reduction(picture)))
            closer = picture.clone()
            closer.meta["scan_box"] = torch.tensor(box if axis is None else self._around(axis, box))
            item[self.closer] = closer
        return item

    def _measured(self, picture: MetaTensor) -> tuple[Measurement, ...] | None:
        """What the other bundle measures, in pixels of the picture; None where none is asked."""
        if self.segmenter is None:
            return None
        self._within = self._within or BundleWithin(self.segmenter, self.device, {"recogniser": None})
        return tuple(one for one in self._within.outputs_of(picture) if isinstance(one, Measurement))

    def _around(self, axis: NDArray[np.floating], box: list[int]) -> list[int]:
        """(top, left, bottom, right) of the square around a long axis, inside a scan region."""
        top, left, bottom, right = box
        longest = max(bottom - top, right - left)
        half = max(self.widening * float(np.hypot(*(axis[1] - axis[0]))), self.least_share * longest) / 2
        row, column = axis.mean(axis=0)
        return [
            max(top, math.floor(row - half)),
            max(left, math.floor(column - half)),
            min(bottom, math.ceil(row + half)),
            min(right, math.ceil(column + half)),
        ]


def _long_axis(measured: tuple[Measurement, ...]) -> NDArray[np.floating] | None:
    return next((one.line_px for one in measured if one.name.endswith(LONG_AXIS)), None)


def _outline(
    measured: tuple[Measurement, ...], axis: NDArray[np.floating] | None, box: list[int], factor: int
) -> Outline:
    recorded = tuple(in_recorded_frame(one, (0, 0), factor) for one in measured)
    if axis is None:
        return Outline(recorded)
    top, left, bottom, right = box
    row, column = axis.mean(axis=0)
    return Outline(recorded, (float((row - top) / (bottom - top)), float((column - left) / (right - left))))


def _reduction(picture: MetaTensor) -> int:
    """By which factor the frame was reduced before it was loaded."""
    return math.ceil(int(picture.meta["recorded_size"][0]) / picture.shape[-2])
