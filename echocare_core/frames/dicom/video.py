"""DICOM video: one stream for all frames, which stands in the pixel data from its first item to its last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.codecs import check_decoded_size
from echocare_core.frames.dicom.fragments import Fragment, read_frame
from echocare_core.frames.dicom.header import PixelData, stamp_of
from echocare_core.frames.video.stream import VideoStream

OPEN = 2  # streams a process keeps, with their compressed packets and last pictures


@dataclass(frozen=True)
class DicomVideo:
    """Where the video of one object stands; plain values, so that it travels to worker processes.

    Attributes:
        pixel_data: the file and the place in it.
        fragments: the parts of the stream, to be joined.
        elementary: name of the stream's format where it has no container, see `VideoStream`.
        size: (height, width) in pixels, as the header says.
        frames: Number of Frames; None where the object does not say. Pictures beyond it belong to no frame.
    """

    pixel_data: PixelData
    fragments: tuple[Fragment, ...]
    elementary: str
    size: tuple[int, int]
    frames: int | None

    def count(self) -> int:
        """Check that every frame is there, and say how many there are.

        Raises:
            PixelDataError: no video, a damaged one, or frames are missing.
        """
        try:
            found = len(_open(self, stamp_of(self.pixel_data.path)))
        except (ValueError, OSError) as fault:
            why = "cannot be read from the disk any more" if isinstance(fault, OSError) else f"{fault}"
            raise PixelDataError(f"is a video that cannot be decoded ({why}). Copy or export it again.") from fault
        if self.frames is not None and found < self.frames:
            raise PixelDataError(
                f"says it has {self.frames} frames but its video holds {found}: frames are missing. Export it again."
            )
        return found if self.frames is None else self.frames

    def read(self, number: int) -> NDArray[np.uint8]:
        """Decode one frame: uint8 RGB (height, width, 3).

        Raises:
            PixelDataError: the frame is damaged or not the size the header says.
            OSError: the file is gone.
        """
        try:
            picture = _open(self, stamp_of(self.pixel_data.path)).picture(number)
        except ValueError as fault:
            raise PixelDataError(f"cannot be decoded ({fault})") from fault
        check_decoded_size(picture.shape[:2], self.size)
        return picture


@lru_cache(maxsize=OPEN)
def _open(video: DicomVideo, _stamp: tuple[int, int]) -> VideoStream:
    """The stream; each process opens it once, and again when the file has changed."""
    height, width = video.size
    return VideoStream(read_frame(video.pixel_data, video.fragments), video.elementary, height * width, video.frames)
