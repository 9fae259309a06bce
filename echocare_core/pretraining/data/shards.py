"""Folders of shards: images by the thousand in tar files that any tool opens, read by row.

The format is WebDataset's: the members of one image follow each other and share the name up to the first dot, here
`000000042.jpg` (or `.png`) and `000000042.json` with its organ, group and name. It was chosen over LitData's chunks:
LitData (0.2.76) is released more often and can go on in the middle of its own stream, but its files open with LitData
alone, and it needs boto3, obstore, tifffile and torchvision. Nor is the package `webdataset` (1.0.2) needed: it writes
with the standard library's `tarfile` as this one does, and its stream can neither go on in the middle nor find a row.
The order of a pretraining is a function of the position, so rows are read from offsets, found when a shard is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from echocare_core.atomic import replacing
from echocare_core.errors import SettingsError, TableError
from echocare_core.pretraining.data.shard_file import Shard, ShardSample, write_shard
from echocare_core.pretraining.data.unreadable import Unreadable

LIST = "shards.json"
OPEN_SHARDS = 16  # two windows of eight shards, as one follows the other


@dataclass(frozen=True)
class Packed:
    """What a folder of shards holds.

    Attributes:
        images: in all shards.
        shards: how many.
        set_aside: names of the samples that are in none, because they cannot be read.
    """

    images: int
    shards: int
    set_aside: tuple[str, ...]


def write_shards(samples: Iterable[ShardSample], folder: Path, *, images_per_shard: int = 1000) -> Packed:
    """Write shard-000000.tar and so on, and then `shards.json`, which lists them; each file is whole or absent.

    A shard that is there already with the same organs, groups and names is kept and none of its images read, so the
    same call goes on where it was interrupted. For images that changed under their names take a new folder.

    A sample whose `read` raises `UnreadableFrames` is set aside: the next ones take its place, and its name stands in
    `shards.json` under `set_aside`. Until that is written `unreadable.json` keeps the names, so that no call reads
    those samples again, and the shards come out the same however often the writing is interrupted.

    Args:
        samples: in the order of the rows.
        folder: made if need be.
        images_per_shard: the last shard may have fewer.

    Returns:
        What the folder holds now.

    Raises:
        SettingsError: less than one image per shard.
        TableError: no sample that can be read, or a file that cannot be opened or is neither JPEG nor PNG.
    """
    if images_per_shard < 1:
        raise SettingsError(f"{images_per_shard} images per shard; needed 1 or more. Leave it out for 1,000.")
    folder.mkdir(parents=True, exist_ok=True)
    unreadable = Unreadable(folder, folder / LIST)
    (folder / LIST).unlink(missing_ok=True)  # it must not list what is about to be replaced
    entries: list[dict[str, Any]] = []
    rest = unreadable.without(samples)
    while part := list(islice(rest, images_per_shard)):
        path, images = folder / f"shard-{len(entries):06d}.tar", len(part)
        if not _holds(path, part):
            read = islice(unreadable.read(chain(part, rest)), images_per_shard)
            if (head := next(read, None)) is None:
                break
            images = write_shard(chain([head], read), path, first=len(entries) * images_per_shard)
        entries.append({"file": path.name, "images": images, "bytes": path.stat().st_size})
    if not entries:
        unreadable.forget()
        found = f" can be read ({len(unreadable.names)} set aside)" if unreadable.names else ""
        raise TableError(f"No sample for the shards in {folder}{found}; needed one. Check where they come from.")
    packed = Packed(sum(entry["images"] for entry in entries), len(entries), tuple(unreadable.names))
    listed = {"images": packed.images, "shards": entries, "set_aside": packed.set_aside}
    with replacing(folder / LIST) as unfinished:
        unfinished.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    unreadable.forget()
    return packed


class ShardReader:
    """The images of a folder of shards, by row. In memory are the list of shards and the offsets in a few open ones.

    It may be pickled, or inherited by a forked process, at any time.

    Args:
        folder: holds `shards.json`.

    Attributes:
        images_per_shard: of all shards but the last; windows of a `MixedOrder` are a multiple of it.

    Raises:
        TableError: no such list, or one that is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            shards = json.loads((folder / LIST).read_text(encoding="utf-8"))["shards"]
            self._shards = [(str(shard["file"]), int(shard["images"]), int(shard["bytes"])) for shard in shards]
            self.images_per_shard = self._shards[0][1]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise TableError(
                f"{folder} has no {LIST} that can be read ({type(error).__name__}); needed the list of its shards, "
                f"which is written last. Write the shards again: those that are whole are kept."
            ) from error
        self._starts = np.array([0, *accumulate(images for _, images, _ in self._shards)])
        self._open: OrderedDict[int, Shard] = OrderedDict()

    def fingerprint(self) -> str:
        """By which another list of shards is told from this one."""
        return hashlib.sha256(json.dumps(self._shards).encode()).hexdigest()[:12]

    def __len__(self) -> int:
        """Images in all shards."""
        return int(self._starts[-1])

    def __getitem__(self, row: int) -> tuple[bytes, dict[str, str]]:
        """Bytes of the image file, and its `organ`, `group` and `name`.

        Args:
            row: 0 to the number of images - 1.

        Raises:
            TableError: the shard is missing, cut short, or not as the list says.
            IndexError: no such row.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"Row {row} of the {len(self)} in {self.folder}; needed 0 to {len(self) - 1}.")
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        place = row - int(self._starts[number])
        shard = self._shard(number)
        return shard.image(place), shard.description(place)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the open shards."""
        return {**self.__dict__, "_open": OrderedDict()}

    def _shard(self, number: int) -> Shard:
        if number not in self._open:
            self._open[number] = self._open_shard(number)
            if len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        return self._open[number]

    def _open_shard(self, number: int) -> Shard:
        name, images, size = self._shards[number]
        path = self.folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            state = "is missing" if found is None else f"has {found:,} bytes"
            raise TableError(f"{path} {state}; {LIST} says {size:,} bytes. Copy it again, or write the shards again.")
        shard = Shard(path)
        if len(shard) != images:
            raise TableError(f"{path} has {len(shard)} images; {LIST} says {images}. Write the shards again.")
        return shard


def _holds(path: Path, samples: list[ShardSample]) -> bool:
    try:
        shard = Shard(path)
        return [shard.description(place) for place in range(len(shard))] == [one.description() for one in samples]
    except (TableError, ValueError):
        return False
