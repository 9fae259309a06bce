"""Drawn masks as label maps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from numpy.typing import NDArray
from PIL import Image

from echocare_core.errors import TableError


class LoadMaskd(MapTransform):
    """Replace the path of a mask by its label map, float32 (1, height, width), upright, aligned with its image.

    Args:
        keys: which entries are paths of PNG masks.
        image_key: the loaded image whose size the mask must have and whose affine it takes.
        labels: number of labels with the background; a mask of 0 and 255 only is read as 0 and 1.

    Raises:
        TableError: not a picture, another size than the image, or a value that is no label.
    """

    def __init__(self, keys: KeysCollection, image_key: str, labels: int) -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.labels = labels

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        image = item[self.image_key]
        for key in self.key_iterator(item):
            values = read_mask(item[key], tuple(image.shape[1:]), self.labels).astype(np.float32)
            item[key] = MetaTensor(torch.from_numpy(values)[None], affine=image.affine.clone())
        return item


def read_mask(path: str, size: tuple[int, ...], labels: int) -> NDArray[np.uint8]:
    """Read a drawn mask.

    Args:
        path: PNG in one channel.
        size: (height, width) of its image.
        labels: number of labels with the background; a mask of 0 and 255 only is read as 0 and 1.

    Returns:
        uint8 (height, width) of label numbers.

    Raises:
        TableError: not a picture, another size than the image, or a value that is no label.
    """
    try:
        with Image.open(path) as picture:
            values = np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise TableError(
            f"Mask {path} cannot be read; needed a PNG of label numbers. Copy or draw it again."
        ) from error
    if values.shape != tuple(size):
        raise TableError(
            f"Mask {path} has shape {values.shape}; needed that of its image, {tuple(size)}, in one channel."
        )
    found = np.unique(values)
    if found.max() < labels:
        return values.astype(np.uint8)
    if not np.isin(found, (0, 255)).all():
        raise TableError(
            f"Mask {path} holds the value {found.max()}; needed label numbers 0 to {labels - 1}, or 0 and 255 alone."
        )
    return (values // 255).astype(np.uint8)
