"""Boxes of drawn masks: what a detection is trained with and held against."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from skimage.measure import label as number_parts
from skimage.measure import regionprops

from echocare_core.errors import TableError
from echocare_core.tasks.detection.coding import PADDING

BETWEEN = ";"  # names of structures in a cell
DIAGONAL = 2  # pixels that touch at a corner are of one part


@dataclass(frozen=True)
class Drawing:
    """How boxes follow from masks.

    Attributes:
        column: of the table, with the names of the mask's values 1, 2, ... between semicolons, such as
            "liver;liver_mass". They are what was looked for in a picture, whether drawn or not. An item without it, as
            MONAI Label gives them, has a mask with the numbers of all classes, 1 for the first.
        classes: names, in the order of the network's outputs.
        single: classes of which a picture has one, whose box is around all of its parts; of the others each connected
            part has a box.
        within: class -> those that lie in it, over which it was drawn, such as masses in a liver: its box is around
            both.
    """

    column: str
    classes: Sequence[str]
    single: Sequence[str] = ()
    within: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def structures(self, item: Mapping[Any, Any]) -> list[str]:
        """Names of the values of an item's mask.

        Raises:
            TableError: none, or one that is no class.
        """
        if self.column not in item:
            return list(self.classes)
        said = str(item[self.column] or "")
        names = [name.strip() for name in said.split(BETWEEN)]
        if unknown := [name for name in names if name not in self.classes]:
            raise TableError(
                f"The table's column {self.column} says '{said}'; needed what the values 1, 2, ... of the mask are, "
                f"with '{BETWEEN}' between them, each one of {', '.join(self.classes)}. It has '{unknown[0]}'. "
                "Correct that row."
            )
        return names

    def boxes(self, mask: NDArray[np.integer[Any]], structures: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
        """Class and (top, left, bottom, right) of each box, bottom and right one past the last pixel.

        Args:
            mask: (height, width) of label numbers.
            structures: what they are.
        """
        values = {name: value for value, name in enumerate(structures, start=1)}
        for name, value in values.items():
            inside = [values[other] for other in self.within.get(name, ()) if other in values]
            drawn = np.isin(mask, [value, *inside])
            parts = drawn.astype(np.uint8) if name in self.single else number_parts(drawn, connectivity=DIAGONAL)
            for part in regionprops(parts):
                yield name, [int(edge) for edge in part.bbox]


class BoxesOfMaskd(MapTransform):
    """Replace a label map by the boxes in it, float32 (`most`, 5), as `DetectionLoss` takes them.

    Boxes follow the mask, so that augmentations turn it and not them: a box around a turned box is too large.

    Args:
        keys: label maps (1, height, width).
        drawing: how boxes follow from them.
        most: rows of a label; the largest boxes where there are more.
        smallest_px: sides below which a box is dropped, such as that of a speck.

    Raises:
        TableError: structures that are no classes, or fewer than the mask has values.
    """

    def __init__(self, keys: KeysCollection, drawing: Drawing, most: int, smallest_px: int) -> None:
        super().__init__(keys)
        self.drawing, self.most, self.smallest_px = drawing, most, smallest_px

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        structures = self.drawing.structures(item)
        for key in self.key_iterator(item):
            mask = convert_to_numpy(item[key])[0].astype(np.uint8)
            if mask.max() > len(structures):
                raise TableError(
                    f"A mask holds the value {mask.max()}, and the table's column {self.drawing.column} names "
                    f"{len(structures)}: '{BETWEEN.join(structures)}'. Name what each value is."
                )
            found = [(*box, self.drawing.classes.index(name)) for name, box in self.drawing.boxes(mask, structures)]
            large = [row for row in found if min(row[2] - row[0], row[3] - row[1]) >= self.smallest_px]
            large.sort(key=lambda row: (row[2] - row[0]) * (row[3] - row[1]), reverse=True)
            label = torch.full((self.most, 5), float(PADDING))
            label[: len(large)] = torch.tensor(large[: self.most], dtype=torch.float32).reshape(-1, 5)
            item[key] = label
        return item
