"""Splits of the data sets as tensors: pictures and masks as squares, classes and groups beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from echocare_core.atomic import replacing
from echocare_core.frames.manifest import read_table

PARTS = ("train", "test")


@dataclass(frozen=True)
class Pictures:
    """A split in memory.

    Attributes:
        images: uint8 (images, 3, side, side), upright, centred on black.
        masks: uint8 (images, 1, side, side), label numbers; all 0 where masks were not asked for.
        classes: of each picture, from the column that was asked for; "" without one.
        groups: patient, study or acquisition of each picture.
    """

    images: Tensor
    masks: Tensor
    classes: list[str]
    groups: list[str]

    def __len__(self) -> int:
        return len(self.images)


class Kept:
    """Splits that are decoded once and kept in a folder, for all processes.

    Args:
        folder: for one file per split.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def both(self, folder: Path, side: int, column: str = "", labels: int = 0) -> tuple[Pictures, Pictures]:
        """`train` and `test`; see `read_split`."""
        train, test = (self.read(folder, split, side, column, labels) for split in PARTS)
        return train, test

    def read(self, folder: Path, split: str, side: int, column: str = "", labels: int = 0) -> Pictures:
        """One split; see `read_split`."""
        path = self.folder / f"{folder.name}-{split}-{side}-{column or labels}.pt"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as unfinished:
                torch.save(vars(read_split(folder, split, side, column, labels)), unfinished)
        return Pictures(**torch.load(path, mmap=True, weights_only=True))


def read_split(folder: Path, split: str, side: int, column: str = "", labels: int = 0) -> Pictures:
    """The pictures of a table's split.

    Args:
        folder: with table.csv.
        split: "train" or "test".
        side: of the squares in px.
        column: of the classes.
        labels: of the masks; with one label or more only rows with a mask are read.
    """
    rows = read_table(folder, split, masks=labels > 0, columns=(column,) if column else ())
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        images = list(threads.map(lambda row: _read_image(str(row["image"]), side), rows))
        masks = list(threads.map(lambda row: _read_mask(str(row["mask"]), side, labels), rows)) if labels else []
    stacked = torch.from_numpy(np.stack(images))
    drawn = torch.from_numpy(np.stack(masks)) if labels else torch.zeros_like(stacked[:, :1])
    classes = [str(row[column]) if column else "" for row in rows]
    return Pictures(stacked, drawn, classes, [str(row["group"]) for row in rows])


def _read_image(path: str, side: int) -> NDArray[np.uint8]:
    """uint8 (3, side, side)."""
    with Image.open(path) as image:
        image = image.convert("RGB")
    small = image.resize(_scaled(image.size, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.ascontiguousarray(_on_square(np.asarray(small), side).transpose(2, 0, 1))


def _read_mask(path: str, side: int, labels: int) -> NDArray[np.uint8]:
    """Label numbers, uint8 (1, side, side)."""
    with Image.open(path) as image:
        values = np.asarray(image).astype(np.uint8)
    values = values // 255 if labels == 1 and values.max() == 255 else values
    size = _scaled((values.shape[1], values.shape[0]), side)
    return _on_square(np.asarray(Image.fromarray(values).resize(size, Image.Resampling.NEAREST)), side)[None]


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) whose long one is the side."""
    return max(1, round(size[0] * side / max(size))), max(1, round(size[1] * side / max(size)))


def _on_square(values: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = values.shape[:2]
    square = np.zeros((side, side, *values.shape[2:]), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = values
    return square
