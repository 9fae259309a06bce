"""Every frame or clip of a hospital export, as a stream that a broken one does not stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from monai.utils import convert_to_numpy
from torch.utils.data import IterableDataset

from echocare_core.bounds import check_count
from echocare_core.errors import UnreadableFrames
from echocare_core.frames.export import Export
from echocare_core.frames.inputs import Given
from echocare_core.frames.listed import open_export
from echocare_core.frames.reduced import reduced_frames, reduction
from echocare_core.transforms.clips import Clip
from echocare_core.transforms.frame_faults import Faults
from echocare_core.types import Frames, SetAside


class ExportDataset(IterableDataset):
    """Frames or clips of a DICOM export, a folder of images or one file, transformed one after the other.

    Headers are read at once, so `number_of_items` is known; pixels are decoded while iterating. Read it in the main
    process (`num_workers=0`): what cannot be decoded, or raises anything else on the way, is added to `set_aside` here.
    Where the first frames all raise what no reader foresaw, or all there are, the iteration ends with it.

    Args:
        path: file or folder, several of them, or patterns such as `C/*.dcm`; or a table of images, CSV or Parquet, or
            the folder of an inventory, which has one; or an export that was opened before.
        transform: applied to {"image": Frames, "frame": 0-based number}; of a clip, "frame" holds its numbers.
        clip: which frames of a cine make a clip, such as `EvenClip(16)`; None for every frame by itself.
        most_pixels: a frame with more reaches `transform` smaller, by a whole factor, so that one picture cannot fill
            the memory; None for no limit.

    Attributes:
        by_path: the opened files by the path that stands in each item's meta.
        tried: how many items the iteration has come to, whether they could be decoded or not.
        number_of_frames: frames whose headers promise pixels.
        number_of_items: frames, or clips, that will come unless they cannot be decoded.
        set_aside: files and frames that were not used, with reasons, cines too short for a clip among them; complete
            once the iteration has ended.

    Raises:
        UnreadableFrames: nothing to read at all, or no cine that is long enough.
        TableError: a table that breaks its format.
        SettingsError: `most_pixels` that is no whole number from 1 on.
    """

    def __init__(
        self,
        path: Given | Export,
        transform: Callable[[dict[str, Any]], dict[str, Any]],
        clip: Clip | None = None,
        most_pixels: int | None = None,
    ) -> None:
        if most_pixels is not None:
            check_count("most_pixels", most_pixels)
        self.export = open_export(path)
        self.transform, self.most_pixels = transform, most_pixels
        self.number_of_frames = self.export.number_of_frames
        self.too_short: list[SetAside] = []
        self.clips = None if clip is None else {one.path: self._clips_of(one, clip) for one in self.export.files}
        self.number_of_items = sum(len(numbers) for _, numbers in self.items())
        if self.clips is not None and not self.number_of_items:
            first = self.too_short[0].reason
            raise UnreadableFrames(
                self.export.root, f"has no cine that is long enough ({first.rstrip('.')}). Give it others."
            )
        self.set_aside: list[SetAside] = [*self.export.set_aside, *self.too_short]
        self.tried = self._first = 0
        self._aside_before: tuple[SetAside, ...] = ()
        self.by_path = {str(frames.path): self._noted(frames) for frames in self.export.files}

    def items(self) -> Iterator[tuple[Frames, Sequence[int] | Sequence[tuple[int, ...]]]]:
        """Each file with its frames that come one by one, in the order of the export, or those of each of its clips."""
        if self.clips is None:
            return self.export.in_order()
        return ((frames, self.clips[frames.path]) for frames in self.export.files)

    def start_at(self, tried: int, set_aside: Sequence[SetAside]) -> None:
        """Let iterations begin behind the items that an earlier run has tried, and take over what it set aside."""
        self.tried = self._first = tried
        self._aside_before = tuple(set_aside)
        self.set_aside.extend(set_aside)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.set_aside[:] = [*self.export.set_aside, *self.too_short, *self._aside_before]
        faults = Faults("while it is read and prepared")
        if self._first:
            faults.passed()
        every = ((frames, number) for frames, numbers in self.items() for number in numbers)
        for place, (frames, number) in enumerate(islice(every, self._first, None), start=self._first):
            self.tried = place + 1
            try:
                item = self.transform({"image": self._bounded(frames), "frame": number})
            except Exception as error:  # noqa: BLE001  (whatever a file makes a decoder or a transform raise)
                self._set_aside(frames, number, error, faults)
            else:
                faults.passed()
                yield item
        faults.finish()

    def set_aside_item(self, meta: Mapping[str, Any], error: Exception, faults: Faults) -> None:
        """Set aside a frame or clip that was read, for what is raised where it is used.

        Args:
            meta: of its image, as `LoadUltrasoundd` leaves it.
            error: what was raised.
            faults: of that stage.

        Raises:
            EchoCareError: the first fault of the stage, where the first frames all fail.
        """
        numbers = convert_to_numpy(meta["frame"]).reshape(-1).tolist()
        self._set_aside(self.by_path[meta["filename_or_obj"]], tuple(map(int, numbers)), error, faults)

    def _set_aside(self, frames: Frames, number: int | Sequence[int], error: Exception, faults: Faults) -> None:
        first = number if isinstance(number, int) else number[0]
        frame = f"frame {first + 1} of {len(frames)}" if len(frames) > 1 else ""
        self.set_aside.append(self.export.aside(frames, faults.reason(error, frames.path, frame), first))

    def reduction_of(self, frames: Frames) -> int:
        """By what both sides of a frame are divided before it reaches the transform."""
        return 1 if self.most_pixels is None else reduction(frames.size[0] * frames.size[1], self.most_pixels)

    def _bounded(self, frames: Frames) -> Frames:
        return frames if self.most_pixels is None else reduced_frames(frames, self.most_pixels)

    def _noted(self, frames: Frames) -> Frames:
        """The file as it is, with a note where the transform gets it smaller."""
        (height, width), (less_high, less_wide) = frames.size, self._bounded(frames).size
        if (height, width) == (less_high, less_wide):
            return frames
        note = f"It has {width}x{height} px and was looked at and measured at {less_wide}x{less_high} px."
        return replace(frames, notes=(*frames.notes, note))

    def _clips_of(self, frames: Frames, clip: Clip) -> list[tuple[int, ...]]:
        try:
            return clip(frames, sorted(self.export.numbers_of(frames)))
        except Exception as error:  # noqa: BLE001  (whatever the times of its frames make a clip raise)
            reason = Faults("where it is cut into clips").reason(error, frames.path)
            self.too_short.append(self.export.aside(frames, reason))
            return []
