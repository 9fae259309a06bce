"""Ends of axes in the recorded frame, in order and with their confidence, and what is measured between them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from torch import Tensor

from echocare_core.bounds import check_share
from echocare_core.errors import SettingsError
from echocare_core.tasks.landmarks.heatmaps import Ends
from echocare_core.tasks.measurements import Spacing, as_recorded, in_recorded_frame, known_spacing
from echocare_core.transforms.places import loaded_places
from echocare_core.types import Measurement, Points

ORDERS: dict[tuple[str, ...], int] = {
    ("upper", "lower"): 0,
    ("left", "right"): 1,
}  # what the two ends are called, and along which axis they lie so
Places = NDArray[np.floating[Any]]
Measure = Callable[[Places, Spacing, tuple[int, int]], tuple[Measurement, ...]]


class EndsOutputd(MapTransform):
    """The network's heat-maps as the ends of axes in the recorded frame.

    Nothing in a picture says which end of an axis is which, so they are called by where they lie in the recorded frame:
    the upper and the lower one, or the left and the right one.

    Args:
        keys: logits (axes, height, width); they stay as they are. The item gets `outputs`: the points, and what is
            measured between them.
        image_key: the picture the logits are of, with its meta.
        axes: of each its name and what its ends are called: {"biparietal": ["upper", "lower"]}.
        read: logits (axes, height, width) -> ends, such as `read_ends` or `read_crossed_axes`.
        least_confidence: an end below it was not found.
        measure: (ends (axes, 2, 2) (row, column) in pixels of the scan region, nan where not found; (row, column) mm
            per pixel or None; (height, width) of the scan region in pixels) -> measurements.

    Raises:
        SettingsError: ends of another name, or a least confidence that is not from 0 to 1.
    """

    def __init__(
        self,
        keys: KeysCollection,
        image_key: str,
        axes: Mapping[str, Sequence[str]],
        read: Callable[[Tensor], Ends],
        least_confidence: float,
        measure: Measure,
    ) -> None:
        super().__init__(keys)
        for name, ends in axes.items():
            if tuple(ends) not in ORDERS:
                known = " or ".join(" and ".join(two) for two in ORDERS)
                raise SettingsError(f"The ends of {name} are {' and '.join(ends)}; needed {known}. Correct axes.")
        check_share("least_confidence", least_confidence)
        self.image_key = image_key
        self.names = tuple(f"{axis}_{end}" for axis, ends in axes.items() for end in ends)
        self.along = [ORDERS[tuple(ends)] for ends in axes.values()]
        self.read, self.least_confidence, self.measure = read, least_confidence, measure

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        image = item[self.image_key]
        top, left, bottom, right = (int(edge) for edge in image.meta["scan_box"])
        factor = int(image.meta["reduction"])
        for key in self.key_iterator(item):
            found = self.read(torch.as_tensor(item[key]).as_subclass(Tensor))
            places = loaded_places(image, convert_to_numpy(found.places)).reshape(found.places.shape)
            confidences = convert_to_numpy(found.confidences)
            for axis, along in enumerate(self.along):
                order = places[axis, :, along].argsort()
                places[axis], confidences[axis] = places[axis, order], confidences[axis, order]
            places[confidences < self.least_confidence] = np.nan
            spacing, size = known_spacing(image.meta["spacing_mm"]), (bottom - top, right - left)
            measured = self.measure(places - (top, left), spacing, size)
            recorded = as_recorded(places.reshape(-1, 2), factor)
            points = Points(recorded, self.names, tuple(map(float, confidences.ravel())))
            item["outputs"] = (points, *(in_recorded_frame(one, (top, left), factor) for one in measured))
        return item
