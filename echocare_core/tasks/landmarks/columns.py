"""Landmarks that a table names, in its columns, as points of a picture."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from torch import Tensor

from echocare_core.frames.manifest import read_number


class EndsOfColumnsd(MapTransform):
    """Read the ends of axes off a table's columns, as points that go along with their picture.

    The result is a MetaTensor (axes, 2, 2), (row, column) in pixels of the picture, nan where a cell is empty. It has
    the affine that the picture has now, so that MONAI's `ApplyTransformToPointsd(keys, refer_keys=image_key)` brings it
    to wherever the picture goes, turned and flipped ones too.

    Args:
        keys: where the points go, such as "label".
        image_key: the picture, as `LoadUltrasoundd` leaves it.
        columns: of the table, for each axis: for x and y (to the right, down, in pixels) of one end and of the other;
            carried along by `TableDataset(columns=...)`.

    Raises:
        TableError: a cell that is no number.
    """

    def __init__(self, keys: KeysCollection, image_key: str, columns: Sequence[Sequence[str]]) -> None:
        super().__init__(keys)
        self.image_key, self.columns = image_key, columns

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        ends, image = read_columns(item, self.columns), item[self.image_key]
        ends = (ends + 0.5) / int(image.meta["reduction"]) - 0.5  # a pixel's centre has whole numbers
        return {**item, **{key: MetaTensor(ends.clone(), affine=image.affine) for key in self.keys}}


def read_columns(item: Mapping[Any, Any], columns: Sequence[Sequence[str]]) -> Tensor:
    """The ends of axes, float32 (axes, 2, 2), (row, column) in pixels of the recorded frame; nan where unknown.

    Args:
        item: with the columns as a table gives them.
        columns: of each axis: x and y of one end, x and y of the other.

    Raises:
        TableError: a cell that is no number.
    """
    cells = [[read_number(item, name) for name in axis] for axis in columns]
    return torch.tensor(cells, dtype=torch.float32).reshape(len(columns), 2, 2).flip(-1)
