"""Tables of images as data sets, and batches of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monai.data import CacheDataset, DataLoader, Dataset, DistributedSampler, MetaTensor, list_data_collate

from echocare_core.counting import counted
from echocare_core.distributed import world_size
from echocare_core.errors import TableError, TrainingError, UnreadableFrames, own_cause
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.manifest import read_table
from echocare_core.frames.read import read_frames
from echocare_core.training.numbers import check_whole
from echocare_core.transforms.mask import check_mask_size
from echocare_core.transforms.of_image import OfImage

LOADING_THREADS = 2


class TableDataset(CacheDataset):
    """The images of one split of a table (`echocare_core.frames.manifest`), or of a list of items.

    What the transforms do before the first random one is done once and kept in memory. What is wrong with any image or
    mask is told before the first is used: of images that are not kept, as far as their headers tell.

    Args:
        data: path of the table or of the folder that holds it as `table.csv`; or the items themselves, as MONAI Label
            sets them: {"image": path, "label": path}.
        split: rows of the table to keep.
        transform: what is done to each item.
        masks: keep only rows with a mask; None keeps all rows, and carries the masks of those that have one.
        columns: further columns of the table that items carry.
        optional: the same of columns that a table may be without.
        cache_rate: share of the images that is kept in memory.

    Raises:
        TableError: a table that breaks its format, has no such row, or names images and masks that cannot be used.
    """

    def __init__(
        self,
        data: str | Path | Sequence[dict[str, Any]],
        split: str,
        transform: Callable[..., Any],
        masks: bool | None = True,
        columns: Sequence[str] = (),
        cache_rate: float = 1.0,
        optional: Sequence[str] = (),
    ) -> None:
        if isinstance(data, (str, Path)):
            data = read_table(data, split, masks=masks, columns=columns, optional=optional, check=_check_headers)
        self.faults: dict[int, str] = {}
        super().__init__(data, transform, cache_rate=cache_rate, num_workers=LOADING_THREADS)
        for number, item in enumerate(data[self.cache_num :], start=self.cache_num):
            with self._noting(number):
                _check_headers(item)
        faults = [self.faults[number] for number in sorted(self.faults)]
        check_no_faults(f"The images of the split {split} have", faults, "Correct them, or take their rows out.")

    def _load_cache_item(self, idx: int) -> Any:
        """As MONAI's, but noting what is wrong with an item, so that all are told together."""
        with self._noting(idx):
            return super()._load_cache_item(idx)

    @contextmanager
    def _noting(self, number: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # MONAI lets through whatever its transforms raise
            cause = own_cause(error)
            if not isinstance(cause, (TableError, UnreadableFrames)):
                raise
            self.faults[number] = str(cause).rstrip(".")


def _check_headers(item: Mapping[str, Any]) -> None:
    """What can be known of an image and its mask without decoding them."""
    if not isinstance(item.get("image"), (str, Path)):
        return
    frames, frame = read_frames(Path(item["image"])), int(item.get("frame", 0))
    if frame >= len(frames):
        raise UnreadableFrames(frames.path, f"has {len(frames)} frames; number {frame}, counted from 0, is asked for.")
    if item.get("mask"):
        check_mask_size(item["mask"], frames.size, OfImage(str(frames.path), frames.instance_uid))


def build_training_loader(dataset: Dataset, batch_size: int) -> DataLoader:
    """Whole batches of plain tensors, shuffled; of several processes each gets its share.

    Raises:
        TrainingError: fewer images than a batch needs; MONAI would train for no step, and say nothing.
    """
    check_fills_batch(len(dataset), batch_size)
    sampler = DistributedSampler(dataset) if world_size() > 1 else None
    return DataLoader(
        dataset, batch_size=batch_size, shuffle=sampler is None, sampler=sampler, drop_last=True,
        collate_fn=_collate_plain,
    )  # fmt: skip


def check_fills_batch(images: int, batch_size: int) -> None:
    """TrainingError where a training has fewer images than a batch in each of its processes."""
    check_whole("batch_size", batch_size)
    if images < batch_size * world_size():
        raise TrainingError(
            f"The training has {counted(images, 'image')}; needed {batch_size * world_size()} at least, a batch of "
            f"{batch_size} in each process. Add images, or set a smaller batch_size."
        )


def build_evaluation_loader(dataset: Any, batch_size: int) -> DataLoader:
    """Batches in the order of the data set; of several processes each gets its share, and no image twice.

    Raises:
        TrainingError: no image, or fewer than processes.
    """
    check_whole("batch_size", batch_size)
    if len(dataset) == 0:
        raise TrainingError("The validation has no image; needed one or more. Add rows of the split val.")
    if len(dataset) < world_size():
        raise TrainingError(
            f"The validation has {counted(len(dataset), 'image')} for {world_size()} processes; needed one for each. "
            "Add rows of the split val, or train with fewer processes."
        )
    sampler = DistributedSampler(dataset, even_divisible=False, shuffle=False) if world_size() > 1 else None
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler)


def _collate_plain(items: Sequence[dict[str, Any]]) -> Any:
    """A batch without meta, which a training step would carry along; of it the names of the files stay, as `name`."""
    plain = [
        {key: value.as_tensor() if isinstance(value, MetaTensor) else value for key, value in item.items()}
        for item in items
    ]
    names = [Path(item["image"].meta["filename_or_obj"]).name for item in items if _is_named(item.get("image"))]
    return {**list_data_collate(plain), **({"name": names} if names else {})}


def _is_named(image: Any) -> bool:
    return isinstance(image, MetaTensor) and "filename_or_obj" in image.meta
