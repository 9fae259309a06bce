"""The frames before and after a frame of a cine, prepared as it is: what a mask that is smoothed in time is made of.

An item carries its neighbours, so that nothing has to be remembered from batch to batch: a batch may end inside a cine
or hold several, and a run that goes on after a stop computes what an unbroken one does, since its batches are the same.
The price is small: a frame is prepared once while a cine is read in order, and the network sees each frame of a batch
once (`training.smoothing`), which in a batch of 4 with one neighbour on each side is 6 frames in place of 4. To keep
probabilities from one batch to the next instead would save those two, and cost an order, a state and its restoring.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose
from torch import Tensor

from echocare_core.errors import SettingsError

NEIGHBOURS = "neighbours"  # entry of an item
_Item = dict[Hashable, Any]


class ComposeWithNeighbours(Compose):
    """MONAI's `Compose` that prepares the neighbours of a frame too.

    The item is what the transforms make of it. With more than one frame it also gets `neighbours`, float32
    (frames - 1, channels, height, width): the pictures of the frames around it in the same file, the earliest first,
    each prepared by the same transforms. One that there is not (beyond the ends of the cine, all of a still's) or that
    cannot be prepared is nan all over.

    Args:
        transforms: which load and prepare one frame, the one that `frame` of an item names (0-based, 0 without).
        frames: the frame itself and as many before it as after it, an odd number; 1 for none.
        key: the picture.

    Raises:
        SettingsError: a number that is not odd, or below 1.
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]], *, frames: int, key: str) -> None:
        super().__init__(transforms)
        if type(frames) is not int or frames < 1 or frames % 2 == 0:
            raise SettingsError(
                f"smoothed_frames is {frames!r}; needed an odd number, the frame itself and as many before it as after "
                "it, such as 3, or 1 for the frame alone. Set it so."
            )
        self.reach, self.key = frames // 2, key
        # What was asked for last, and the frames that were prepared for it.
        self._last: tuple[_Item, dict[int, _Item]] = ({}, {})

    def __call__(self, input_: Mapping[Hashable, Any], *args: Any, **kwargs: Any) -> Any:
        if not self.reach:
            return super().__call__(input_, *args, **kwargs)
        source, number = {name: value for name, value in input_.items() if name != "frame"}, int(input_.get("frame", 0))
        last, known = self._last
        numbers = range(number - self.reach, number + self.reach + 1)
        prepared = {near: one for near, one in known.items() if near in numbers} if _is_same(source, last) else {}
        item = self._prepare(source, number, prepared)
        around = [self._neighbour(source, near, prepared, item[self.key]) for near in numbers if near != number]
        self._last = source, prepared  # in one step, for some data sets call from several threads
        return {**item, NEIGHBOURS: torch.stack(around)}

    def _prepare(self, source: _Item, number: int, prepared: dict[int, _Item]) -> _Item:
        if number not in prepared:
            prepared[number] = super().__call__({**source, "frame": number})
        return prepared[number]

    def _neighbour(self, source: _Item, number: int, prepared: dict[int, _Item], image: Any) -> Tensor:
        if 0 <= number < image.meta["number_of_frames"]:
            try:
                found = self._prepare(source, number, prepared)[self.key]
            except Exception:  # noqa: BLE001  (whatever it raises sets that frame aside when its own turn comes)
                found = None
            if found is not None and found.meta["filename_or_obj"] == image.meta["filename_or_obj"]:
                return found.as_tensor()
        return torch.full_like(image.as_tensor(), np.nan)


def _is_same(source: _Item, other: _Item) -> bool:
    """Whether the entries are the very same objects."""
    return source.keys() == other.keys() and all(value is other[name] for name, value in source.items())
