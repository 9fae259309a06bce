"""All pictures of a mix on the device that trains, so that a batch is one index into them and no worker feeds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch.utils.data import DataLoader, Dataset

from echocare_core.errors import SettingsError
from echocare_core.pretraining.data.cache import GIB
from echocare_core.pretraining.data.images import PICTURES, PLANES, PretrainingImages, collate
from echocare_core.pretraining.data.sampler import Place, StreamSampler

logger = logging.getLogger(__name__)
READ_TOGETHER = 32  # pictures, by a worker


class DeviceLoader:
    """The batches that a `DataLoader` makes of the same data set and sampler, with their tensors on a device.

    Every picture is read once, at the first batch. Frames of a cine depend on the place in the stream, and an image
    that cannot be read is replaced: these are made for each batch, as without a cache.

    Args:
        dataset: of the mix.
        batch_sampler: names the places of each batch.
        device: holds 5 * size * size bytes for each picture; in several processes each holds all of them.
        workers: processes that read the pictures; 0 reads in the training's own.
        begin_worker: called in each of them.

    Raises:
        SettingsError: while it is filled, no memory on the device for all pictures.
    """

    def __init__(
        self,
        dataset: PretrainingImages,
        batch_sampler: StreamSampler,
        *,
        device: torch.device,
        workers: int,
        begin_worker: Callable[[int], None] | None = None,
    ) -> None:
        self.dataset, self.batch_sampler, self.device = dataset, batch_sampler, device
        self.workers, self.begin_worker = workers, begin_worker
        lengths = [len(source) for source in dataset.mix.sources]
        self._firsts = np.cumsum([0, *lengths[:-1]])
        self._names: list[str | None] = [None] * sum(lengths)  # None for what is made for each batch
        self._planes = self._node = self._group = torch.empty(0)

    def __len__(self) -> int:
        """Batches of the next iteration."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield batches as `collate` makes them."""
        if not len(self._planes):
            self._fill()
        for places in self.batch_sampler:
            yield self._batch(places)

    def _fill(self) -> None:
        total, size = len(self._names), self.dataset.size
        try:
            self._planes = torch.empty((total, PLANES, size, size), dtype=torch.uint8, device=self.device)
        except RuntimeError as error:
            raise SettingsError(
                f"{self.device} has no memory for {total} pictures of {size} px; needed "
                f"{total * PLANES * size * size / GIB:.1f} GiB. Set cache to true, or train with smaller pictures."
            ) from error
        self._node, self._group = (torch.empty(total, dtype=torch.int64, device=self.device) for _ in range(2))
        loader = DataLoader(
            _Stills(self.dataset),
            batch_size=READ_TOGETHER,
            num_workers=self.workers,
            collate_fn=_collate_stills,
            worker_init_fn=self.begin_worker,
        )
        for rows, batch in track(loader, f"Reading {total:,} pictures", transient=True):
            if not rows:
                continue
            index = torch.tensor(rows, device=self.device)
            self._planes[index] = torch.cat([batch[name] for name in PICTURES], 1).to(self.device)
            self._node[index], self._group[index] = (batch[name].to(self.device) for name in ("node", "group"))
            for row, name in zip(rows, batch["name"], strict=True):
                self._names[row] = name
        kept = total - self._names.count(None)
        logger.info("%d of %d pictures are on %s; frames of cines are read for each batch.", kept, total, self.device)

    def _batch(self, places: Sequence[Place]) -> dict[str, Any]:
        rows = [int(self._firsts[number]) + row for number, row, _ in places]
        index = torch.tensor(rows).to(self.device, non_blocking=True)
        planes, node, group = self._planes[index], self._node[index], self._group[index]
        names, set_aside = [self._names[row] for row in rows], list[str]()
        for at, name in enumerate(names):
            if name is not None:
                continue
            item = self.dataset[places[at]]
            planes[at] = torch.cat([item[key] for key in PICTURES]).to(self.device)
            node[at], group[at], names[at] = item["node"], item["group"], item["name"]
            set_aside += item["set_aside"]
        image, inside_sector, pixel_label = planes.split((3, 1, 1), 1)
        position = torch.tensor([position for _, _, position in places], dtype=torch.int64)
        return {
            **{"image": image, "inside_sector": inside_sector, "pixel_label": pixel_label},
            **{"node": node, "group": group, "position": position.to(self.device, non_blocking=True)},
            **{"name": names, "set_aside": set_aside},
        }


class _Stills(Dataset[tuple[int, dict[str, Any] | None]]):
    """Every row of every data set, counted through, with its item or None; see `PretrainingImages.still`."""

    def __init__(self, dataset: PretrainingImages) -> None:
        self.dataset = dataset
        sources = enumerate(dataset.mix.sources)
        self.rows = [(number, row) for number, source in sources for row in range(len(source))]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[int, dict[str, Any] | None]:
        return index, self.dataset.still(*self.rows[index])


def _collate_stills(found: Sequence[tuple[int, Mapping[str, Any] | None]]) -> tuple[list[int], dict[str, Any]]:
    stills = [(row, item) for row, item in found if item is not None]
    return [row for row, _ in stills], collate([item for _, item in stills]) if stills else {}
