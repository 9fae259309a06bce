"""The data set of a pretraining: places of the stream in, square pictures with their sectors and labels out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.frames.image import DAMAGE, decode_image
from echocare_core.frames.read import read_frames
from echocare_core.frames.size import SMALLEST_PX
from echocare_core.pretraining.data.cache import PictureCache
from echocare_core.pretraining.data.mix import Mix
from echocare_core.pretraining.data.picture import prepare_picture, prepare_pixel_label
from echocare_core.pretraining.data.pixel_labels import read_pixel_label
from echocare_core.pretraining.data.sources import Sample, Source

TRIES = 20
IMAGE_PLANES = 4  # red, green, blue and the sector
PLANES = IMAGE_PLANES + 1  # with labels of pixels
ON_DEVICE = "device"
PICTURES, NUMBERS = ("image", "inside_sector", "pixel_label"), ("node", "group", "position")


class PretrainingImages(Dataset[dict[str, Any]]):
    """Images of a mix by their place in the stream, (number of the data set, row, position).

    An item has

        image           uint8 tensor (3, size, size), RGB, upright
        inside_sector   uint8 tensor (1, size, size), 1 where the probe looked
        pixel_label     uint8 tensor (1, size, size), row of the `pixel_tree`'s states, 0 = all unknown
        node            index in the organ tree, -1 where the organ is unknown
        group           number of the patient, study or acquisition (`group_number`), -1 where unknown
        position        as given
        name            of the image, for messages
        set_aside       names of the images, each with its data set, that could not be read and that this one replaces

    An image that cannot be read is replaced by the next one of its data set that can. Of a cine the frame is taken
    whose number is the position modulo how many there are. The same place always gives the same item.

    Args:
        mix: the data sets.
        size: side of the pictures in px.
        cache: keep pictures in shared memory once they are made, 4 * size * size bytes each, 5 where their data set has
            pixel labels, for data sets that fit.
            Cines are read each time, for the position chooses the frame. "device" leaves it to `build_loader` to keep
            them on the device that trains.

    Raises:
        SettingsError: a size below 16 px, another cache, or no memory for it.
    """

    def __init__(self, mix: Mix, size: int, *, cache: bool | str = False) -> None:
        if cache not in (True, False, ON_DEVICE):
            raise SettingsError(f"The cache is {cache!r}; needed true, false or '{ON_DEVICE}'. Set one of them.")
        if size < SMALLEST_PX:
            raise SettingsError(f"The picture size is {size} px; needed {SMALLEST_PX} or more. Choose a larger one.")
        self.mix, self.size = mix, size
        self.on_device = cache == ON_DEVICE
        kept = cache and not self.on_device
        self._caches = [PictureCache(len(source), _planes(source), size) for source in mix.sources] if kept else []

    def __len__(self) -> int:
        """Images in all data sets."""
        return self.mix.images

    def __getitem__(self, place: tuple[int, int, int]) -> dict[str, Any]:
        """The item at a place.

        Raises:
            UnreadableFrames: neither the image nor any of the next 19 can be read.
            TableError: a shard is missing or damaged, or a mask cannot be used any more.
        """
        number, row, position = place
        source, set_aside = self.mix.sources[number], list[str]()
        while True:
            sample = source[row]
            try:
                stored = self._stored(number, row, sample, position)
            except UnreadableFrames as error:
                set_aside.append(f"{source.name}: {sample['name']}")
                row = (row + 1) % len(source)
                if len(set_aside) == min(TRIES, len(source)):
                    raise UnreadableFrames(
                        error.path,
                        f"is the last of {len(set_aside)} images in a row that cannot be read, from {set_aside[0]} on: "
                        f"it {error.reason}",
                    ) from error
            else:
                return self._item(number, sample, stored, position, set_aside)

    def still(self, number: int, row: int) -> dict[str, Any] | None:
        """The item of a row, which is the same at every place but for its position, here 0.

        Returns:
            None for a cine, and for an image that cannot be read.
        """
        sample = self.mix.sources[number][row]
        try:
            stored, frames = self._made(number, sample, 0)
        except UnreadableFrames:
            return None
        return self._item(number, sample, stored, 0, []) if frames == 1 else None

    def _item(
        self, number: int, sample: Sample, stored: torch.Tensor, position: int, set_aside: list[str]
    ) -> dict[str, Any]:
        return {
            "image": stored[:3],
            "inside_sector": stored[3:4],
            "pixel_label": stored[4:] if len(stored) > IMAGE_PLANES else torch.zeros_like(stored[3:4]),
            "node": sample["node"],
            "group": group_number(self.mix.sources[number].name, sample["group"]),
            "position": position,
            "name": sample["name"],
            "set_aside": set_aside,
        }

    def _stored(self, number: int, row: int, sample: Sample, position: int) -> torch.Tensor:
        """Image, sector and, of a data set with pixel labels, those as one tensor, uint8 (4 or 5, size, size)."""
        cache = self._caches[number] if self._caches else None
        if cache and (kept := cache.get(row)) is not None:
            return kept
        stored, frames = self._made(number, sample, position)
        if cache and frames == 1:
            cache.put(row, stored)
        return stored

    def _made(self, number: int, sample: Sample, position: int) -> tuple[torch.Tensor, int]:
        """The same, read from its file, and how many frames that has."""
        pixels, frames = read_pixels(sample, position)
        picture = prepare_picture(pixels, self.size)
        planes = [picture.image, picture.inside_sector[None].astype(np.uint8)]
        if (rows := self.mix.sources[number].pixel_rows) is not None:
            planes.append(self._pixel_label(sample, rows)[None])
        return torch.from_numpy(np.concatenate(planes)), frames

    def _pixel_label(self, sample: Sample, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
        mask, image = sample["mask"], sample["image"]
        if mask is None or isinstance(image, bytes):
            return np.zeros((self.size, self.size), dtype=np.uint8)
        return prepare_pixel_label(read_pixel_label(mask, image, rows), self.size)


def read_pixels(sample: Sample, position: int) -> tuple[NDArray[np.uint8], int]:
    """Read the scan region of one frame.

    Args:
        sample: a file in any format of `read_frames`, or the bytes of a PNG or JPEG.
        position: in the stream; modulo the number of frames it is the frame.

    Returns:
        Pixels, uint8 (height, width, 3), and how many frames the file has.

    Raises:
        UnreadableFrames: the file cannot be read, or its scan region has a side below 16 px.
    """
    if isinstance(sample["image"], bytes):
        pixels, frames = _decode(sample["image"], sample["name"]), 1
    else:
        file = read_frames(sample["image"])
        frames = len(file)
        top, left, bottom, right = file.scan_box
        pixels = file.pixels[position % frames][top:bottom, left:right]
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PX:
        raise UnreadableFrames(
            Path(sample["name"]),
            f"has a scan region of {width}x{height} px; needed {SMALLEST_PX}x{SMALLEST_PX} px at least. Leave it out.",
        )
    return pixels, frames


def group_number(data_set: str, group: str) -> int:
    """A number for a group of a data set, the same in every run: 63 bits of its hash, -1 for an empty group."""
    if not group:
        return -1
    return int.from_bytes(hashlib.sha256(f"{data_set}\0{group}".encode()).digest()[:8], "big") >> 1


def collate(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Items of `PretrainingImages` as one batch.

    Returns:
        `image` (batch, 3, size, size), `inside_sector` and `pixel_label` (batch, 1, size, size), uint8; `node`, `group`
        and `position` int64 (batch,); `name` one for each image; `set_aside` of all of them in one list.
    """
    batch: dict[str, Any] = {key: torch.stack([sample[key] for sample in samples]) for key in PICTURES}
    batch |= {key: torch.tensor([sample[key] for sample in samples], dtype=torch.int64) for key in NUMBERS}
    batch["name"] = [sample["name"] for sample in samples]
    batch["set_aside"] = [name for sample in samples for name in sample["set_aside"]]
    return batch


def _planes(source: Source) -> int:
    return IMAGE_PLANES if source.pixel_rows is None else PLANES


def _decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Upright RGB uint8 (height, width, 3) of the bytes of a PNG or JPEG."""
    try:
        return decode_image(data)
    except DAMAGE as fault:
        raise UnreadableFrames(Path(name), "is damaged or cut short. Write its shard again.") from fault
