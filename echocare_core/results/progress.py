"""How far a run is, and of what it is made: a run that was stopped goes on only where both are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from echocare_core.origin import Running
from echocare_core.results.journal import Step, checksum_of
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.types import BundleCard, Frames
from echocare_core.version import __version__

PACKAGES = ("torch", "monai", "numpy", "scipy", "scikit-image", "pydicom", "imagecodecs", "pillow", "openvino")


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


def describe_run(running: Running, card: BundleCard, table_format: str) -> str:
    """A checksum over what results depend on beside the files.

    It is over the configuration with all its settings, the device, the weights, the file of an engine and the packages.
    """
    device = running.parser.get_parsed_content("device") if "device" in running.parser else ""
    parts = {
        "bundle": [card.name, card.version, card.weights_sha256, table_format, str(device)],
        "configuration": running.configuration(),
        "files": [checksum_of(path) for path in _files_in(running.parser.config.values())],
        "packages": [__version__, *map(_version, PACKAGES)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _files_in(values: Iterable[Any]) -> list[Path]:
    """Files that a setting names, such as an engine's; beside an OpenVINO model its weights."""
    named = [Path(value) for value in values if isinstance(value, str) and value and len(value) < 1000]
    return [file for path in named if path.is_file() for file in (path, path.with_suffix(".bin")) if file.is_file()]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
