"""Every picture of a mix in one file for all processes, and batches of it that lie on the device that trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from echocare_core.atomic import replacing
from echocare_core.pretraining.data.images import PretrainingImages, collate
from echocare_core.pretraining.data.mix import Mix
from echocare_core.pretraining.data.sampler import Place, StreamSampler

PLANES = {"image": slice(0, 3), "inside_sector": slice(3, 4), "pixel_label": slice(4, 5)}


def write_store(images: PretrainingImages, path: Path, workers: int) -> int:
    """Decode every picture of a mix without cines into a file; returns how many."""
    places = [[(number, row, 0)] for number, source in enumerate(images.mix.sources) for row in range(len(source))]
    loader = DataLoader(images, batch_sampler=places, num_workers=workers, collate_fn=collate)
    planes = torch.empty((len(places), 5, images.size, images.size), dtype=torch.uint8)
    numbers = torch.empty((len(places), 2), dtype=torch.int64)
    for row, batch in enumerate(loader):
        planes[row] = torch.cat([batch[name] for name in PLANES], 1)[0]
        numbers[row] = torch.cat([batch["node"], batch["group"]])
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        torch.save({"planes": planes, "numbers": numbers}, unfinished)
    return len(places)


class StoredImages(PretrainingImages):
    """`PretrainingImages` whose pictures are decoded already.

    Args:
        mix: whose pictures they are.
        size: side of the pictures in px.
        path: of the file that `write_store` wrote.
    """

    def __init__(self, mix: Mix, size: int, path: Path) -> None:
        super().__init__(mix, size)
        stored = torch.load(path, mmap=True, weights_only=True)
        self.planes, self.numbers = stored["planes"], stored["numbers"]
        self._firsts = np.cumsum([0, *(len(source) for source in mix.sources)])

    def __getitem__(self, place: Place) -> dict[str, Any]:
        row = self.row(place)
        tensors = {name: self.planes[row, part] for name, part in PLANES.items()}
        node, group = self.numbers[row].tolist()
        return {**tensors, "node": node, "group": group, "position": place[2], "name": str(row), "set_aside": []}

    def row(self, place: Place) -> int:
        """Where in the file the picture at a place stands."""
        return int(self._firsts[place[0]]) + place[1]


class DeviceBatches:
    """The batches that a `DataLoader` makes of stored images, each one index into what lies on a device.

    Args:
        dataset: the images.
        on_device: their planes and numbers there (`StoredImages`).
        batch_sampler: of the places.
        unlabelled: numbers of the data sets of whose pixels nothing is told.
    """

    def __init__(
        self,
        dataset: StoredImages,
        on_device: tuple[Tensor, Tensor],
        batch_sampler: StreamSampler,
        unlabelled: Sequence[int],
    ) -> None:
        self.dataset, self.on_device, self.batch_sampler = dataset, on_device, batch_sampler
        self.unlabelled = np.array(unlabelled, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        planes, numbers = self.on_device
        for places in self.batch_sampler:
            rows = [self.dataset.row(place) for place in places]
            sets, _, positions = np.array(places).T
            index = torch.tensor(rows, device=planes.device)
            chosen, (node, group) = planes[index], numbers[index].T
            labelled = torch.from_numpy(~np.isin(sets, self.unlabelled)).to(planes.device)
            tensors = {name: chosen[:, part] for name, part in PLANES.items()}
            tensors["pixel_label"] = tensors["pixel_label"] * labelled[:, None, None, None]
            position = torch.from_numpy(positions).to(planes.device)
            yield {
                **tensors,
                **{"node": node, "group": group, "position": position},
                **{"name": [str(row) for row in rows], "set_aside": []},
            }
