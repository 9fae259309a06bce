"""Every frame or clip of a hospital export, as a stream that a broken one does not stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import IterableDataset

from echocare_core.errors import UnreadableFrames, own_cause
from echocare_core.frames.export import read_export
from echocare_core.frames.listed import read_listed, table_at
from echocare_core.transforms.clips import Clip
from echocare_core.types import Frames, SetAside


class ExportDataset(IterableDataset):
    """Frames or clips of a DICOM export, a folder of images or one file, transformed one after the other.

    Headers are read at once, so `number_of_items` is known; pixels are decoded while iterating. Read it in the main
    process (`num_workers=0`): what cannot be decoded on the way is added to `set_aside` here.

    Args:
        path: file or folder; or a table of images, CSV or Parquet, or the folder of an inventory, which has one.
        transform: applied to {"image": Frames, "frame": 0-based number}; of a clip, "frame" holds its numbers.
        clip: which frames of a cine make a clip, such as `EvenClip(16)`; None for every frame by itself.

    Attributes:
        by_path: the opened files by the path that stands in each item's meta.
        number_of_frames: frames whose headers promise pixels.
        number_of_items: frames, or clips, that will come unless they cannot be decoded.
        set_aside: files and frames that were not used, with reasons, cines too short for a clip among them; complete
            once the iteration has ended.

    Raises:
        UnreadableFrames: nothing to read at all, or no cine that is long enough.
        TableError: a table that breaks its format.
    """

    def __init__(
        self,
        path: str | Path,
        transform: Callable[[dict[str, Any]], dict[str, Any]],
        clip: Clip | None = None,
    ) -> None:
        if not str(path):
            raise UnreadableFrames(Path("dataset_dir"), "is empty; needed a file or folder. Pass --dataset_dir EXPORT.")
        table = table_at(Path(path))
        self.export = read_listed(table) if table else read_export(Path(path))
        self.transform = transform
        self.number_of_frames = self.export.number_of_frames
        self.too_short: list[SetAside] = []
        self.clips = None if clip is None else {one.path: self._clips_of(one, clip) for one in self.export.files}
        self.number_of_items = sum(len(self.items_of(frames)) for frames in self.export.files)
        if self.clips is not None and not self.number_of_items:
            first = self.too_short[0].reason
            raise UnreadableFrames(
                Path(path), f"has no cine that is long enough ({first.rstrip('.')}). Give it others."
            )
        self.set_aside: list[SetAside] = [*self.export.set_aside, *self.too_short]
        self.by_path = {str(frames.path): frames for frames in self.export.files}

    def items_of(self, frames: Frames) -> Sequence[int] | Sequence[tuple[int, ...]]:
        """The frames of a file that come one by one, as they were recorded, or those of each of its clips."""
        return sorted(self.export.numbers_of(frames)) if self.clips is None else self.clips[frames.path]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.set_aside[:] = [*self.export.set_aside, *self.too_short]
        for frames in self.export.files:
            for number in self.items_of(frames):
                try:
                    yield self.transform({"image": frames, "frame": number})
                except (RuntimeError, UnreadableFrames) as error:  # MONAI wraps the errors of its transforms
                    fault = own_cause(error)
                    if not isinstance(fault, UnreadableFrames):
                        raise
                    first = number if isinstance(number, int) else number[0]
                    self.set_aside.append(SetAside(self.export.source_of(frames), str(fault), first))

    def _clips_of(self, frames: Frames, clip: Clip) -> list[tuple[int, ...]]:
        try:
            return clip(frames, sorted(self.export.numbers_of(frames)))
        except UnreadableFrames as fault:
            self.too_short.append(SetAside(self.export.source_of(frames), str(fault)))
            return []
