"""How far a run is, and of what it is made: a run that was stopped goes on only where both are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from echocare_core.origin import Running, describe_origin
from echocare_core.results.journal import Step
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.types import BundleCard, Frames, Origin

# Settings that change how fast a result comes, not what it is.
_OF_SPEED = ("batch_size", "num_workers", "prefetch_factor", "pin_memory", "persistent_workers", "progress")


class Trail:
    """Checksums of the files that stand before each item of a data set.

    A file is what it was where its name, size and time (of its archive, where it lies in one), the frames that are
    wanted of it, its calibration and by what its rows join other tables are the same.
    """

    def __init__(self, dataset: ExportDataset) -> None:
        self._dataset, self._items = dataset, dataset.items()
        self._hash, self._covered = hashlib.sha256(), 0

    def checksum(self, tried: int) -> str:
        """Of the files that so many items stand in; never fewer items than asked for before."""
        while self._covered < tried:
            frames, numbers = next(self._items)
            self._hash.update(repr((*self._mark_of(frames), list(numbers))).encode())
            self._covered += len(numbers)
        is_end = tried == self._dataset.number_of_items  # whose last batch may be a short one
        return f"{self._hash.hexdigest()}{' end' if is_end else ''}"

    def _mark_of(self, frames: Frames) -> tuple[object, ...]:
        export = self._dataset.export
        file = export.inputs.places.stored_at(frames.path)
        status = file.stat() if file.exists() else None  # else it went away meanwhile
        size_and_time = status and (status.st_size, status.st_mtime_ns)
        return export.source_of(frames), size_and_time, frames.spacing_mm, export.keys_of(frames)

    def agreeing(self, steps: Iterable[Step]) -> list[Step]:
        """The steps up to the first whose files have changed since."""
        same = []
        for step in steps:
            if step.tried > self._dataset.number_of_items or self.checksum(step.tried) != step.inputs:
                break
            same.append(step)
        return same


def checksum_of_run(running: Running, card: BundleCard, origin: Origin, table_format: str) -> str:
    """A checksum over what results depend on beside the files.

    It is over what they say of how they were made (weights, the files of an engine, device, packages), the bundle with
    its plausible ranges, and the configuration with all its settings but those of speed.
    """
    made = {name: value for name, value in describe_origin(card, origin).items() if name != "settings_that_differ"}
    parts = (made, repr(card), _without_speed(running.configuration()), table_format)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _without_speed(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {name: _without_speed(value) for name, value in config.items() if name not in _OF_SPEED}
    return [_without_speed(one) for one in config] if isinstance(config, list) else config
