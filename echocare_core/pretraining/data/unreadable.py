"""Samples that cannot be read: left out, named, and remembered until the list of the shards names them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.errors import UnreadableFrames
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.printable import printable

NOTE = "unreadable.json"
logger = logging.getLogger(__name__)


class Unreadable:
    """The samples of a folder of shards that cannot be read, in this call or an earlier one.

    Args:
        folder: of the shards; `unreadable.json` in it keeps the names while shards are written.
        listed: list of finished shards, whose names under `set_aside` are known too; it may be absent.

    Attributes:
        names: of the samples left out in this call, in the order in which they were met.
    """

    def __init__(self, folder: Path, listed: Path) -> None:
        self.names: list[str] = []
        self._note = folder / NOTE
        self._known = {*_names(self._note), *_names(listed)}
        if self._known:
            self._keep()

    def without(self, samples: Iterable[ShardSample]) -> Iterator[ShardSample]:
        """The samples that no earlier call set aside."""
        for sample in samples:
            if sample.name in self._known:
                self.names.append(sample.name)
            else:
                yield sample

    def read(self, samples: Iterable[ShardSample]) -> Iterator[tuple[ShardSample, bytes]]:
        """The samples that can be read, each with its image file; the others are logged and kept by name.

        Raises:
            TableError: an image file that cannot be opened or is neither JPEG nor PNG.
        """
        for sample in samples:
            try:
                image = sample.image()
            except UnreadableFrames as error:
                logger.warning("%s is set aside: %s", printable(sample.name), error)
                self.names.append(sample.name)
                self._keep()
            else:
                yield sample, image

    def forget(self) -> None:
        """Remove `unreadable.json`, once the names stand in the list or there is nothing to list."""
        self._note.unlink(missing_ok=True)

    def _keep(self) -> None:
        with replacing(self._note, OWNER_ALONE) as unfinished:
            unfinished.write_text(json.dumps({"set_aside": sorted({*self._known, *self.names})}), encoding="utf-8")


def _names(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))["set_aside"]]
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or not ours: nothing is known
        return []
