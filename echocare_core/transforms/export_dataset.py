"""Every frame of a hospital export, as a stream that a broken frame does not stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset

from echocare_core.errors import UnreadableFrames, own_cause
from echocare_core.frames.export import read_export
from echocare_core.frames.listed import read_listed, table_at
from echocare_core.types import SetAside


class ExportDataset(IterableDataset):
    """Frames of a DICOM export, a folder of images or one file, transformed one after the other.

    Headers are read at once, so `number_of_frames` is known; pixels are decoded while iterating. Read it in the main
    process (`num_workers=0`): what cannot be decoded on the way is added to `set_aside` here.

    Args:
        path: file or folder; or a table of images, CSV or Parquet, or the folder of an inventory, which has one.
        transform: applied to {"image": Frames, "frame": 0-based number}.

    Attributes:
        by_path: the opened files by the path that stands in each item's meta.
        number_of_frames: frames whose headers promise pixels.
        set_aside: files and frames that were not used, with reasons; complete once the iteration has ended.

    Raises:
        UnreadableFrames: nothing to read at all.
        TableError: a table that breaks its format.
    """

    def __init__(self, path: str | Path, transform: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        if not str(path):
            raise UnreadableFrames(Path("dataset_dir"), "is empty; needed a file or folder. Pass --dataset_dir EXPORT.")
        table = table_at(Path(path))
        self.export = read_listed(table) if table else read_export(Path(path))
        self.transform = transform
        self.number_of_frames = self.export.number_of_frames
        self.set_aside: list[SetAside] = list(self.export.set_aside)
        self.by_path = {str(frames.path): frames for frames in self.export.files}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.set_aside[:] = self.export.set_aside
        for frames in self.export.files:
            for frame in self.export.numbers_of(frames):
                try:
                    yield self.transform({"image": frames, "frame": frame})
                except (RuntimeError, UnreadableFrames) as error:  # MONAI wraps the errors of its transforms
                    fault = own_cause(error)
                    if not isinstance(fault, UnreadableFrames):
                        raise
                    self.set_aside.append(SetAside(self.export.source_of(frames), str(fault), frame))
