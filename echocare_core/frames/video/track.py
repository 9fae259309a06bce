"""Any frame of a video file by its number, through PyAV.

A file may be gigabytes of uncompressed AVI, so it stays on the disk and is read from the last key frame on. Video in
DICOM stands in pieces, and its pictures must be those that the header counts, whatever the container's times say:
`video.stream` keeps its packets and asks the decoder itself.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.size import BORDERS_PX, LARGEST_PX, check_size
from echocare_core.frames.video.promise import missing_bytes, missing_part, read_packets
from echocare_core.frames.video.stream import to_rgb
from echocare_core.optional import import_package

DAMAGE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError, EOFError)
WITHOUT_GUESSES = {"err_detect": "explode"}  # else FFmpeg fills in what is damaged, from the frames around it
BOUNDED = {"max_pixels": str(LARGEST_PX + BORDERS_PX)}  # also for a picture that grows on the way
# Whose pictures only the decoder puts in order where the container does not say when each is shown, as AVI never does;
# FFmpeg makes time stamps up for them (libavformat/demux.c, onein_oneout).
ORDERED_BY_DECODER = ("h264", "hevc", "vvc")


class VideoTrack:
    """The first video stream of a container: indexed once by its packets, then decoded from where the decoder stands.

    Frames are numbered in the order they are shown. Where the container says for every packet when that is, a frame is
    reached from the last key frame before it; else frames are counted from the first, as the decoder gives them. It
    holds an open decoder and cannot be pickled; a reader keeps the path and opens one track in each process.

    Args:
        path: the file, in any container that FFmpeg knows.

    Attributes:
        size: (height, width) in pixels, as shown.
        times_ms: when each frame is shown, from the first one on; None where packets have no time stamps.

    Raises:
        UnreadableFrames: PyAV is not installed.
        PixelDataError: frames that its header promises are missing, or the first cannot be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._container: Any = None
        self._av = import_package("av", subject="is a video, which", error=partial(UnreadableFrames, path))
        self._damage = (*DAMAGE, self._av.error.FFmpegError)
        self._path, self._lock = str(path), Lock()
        try:
            self._open()
            self._index()
            self._open()
            self.size: tuple[int, int] = self._picture(0).shape[:2]
        except self._damage as fault:
            self.close()
            why = missing_bytes(path) or "cannot be opened as a video; it is damaged or has no picture"
            raise PixelDataError(why) from fault

    def __len__(self) -> int:
        return self._length

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Decode one frame, 0 <= number < len(self): uint8 RGB (height, width, 3); from any thread.

        Raises:
            PixelDataError: it is damaged.
        """
        with self._lock:
            try:
                picture = self._picture(number)
            except self._damage as fault:
                self.close()  # its decoder may be in any state
                raise PixelDataError("cannot be decoded; the video is damaged or cut short") from fault
        if picture.shape[:2] != self.size:
            raise PixelDataError("has another size than the first frame")
        return picture

    def close(self) -> None:
        """Let go of the file; the next frame opens it again."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def __del__(self) -> None:
        self.close()

    def _open(self) -> None:
        """Stand before the first frame."""
        self.close()
        self._container = self._av.open(self._path, metadata_errors="ignore", options=BOUNDED)
        self._stream = self._container.streams.video[0]
        codec = self._stream.codec_context
        if codec is None:
            raise ValueError("no codec for it")
        if not codec.height * codec.width:
            raise ValueError("no size, neither in its header nor in a first frame")
        check_size(codec.height, codec.width)
        codec.options = {**WITHOUT_GUESSES, **BOUNDED}
        self._decoded, self._next = self._container.decode(self._stream), 0

    def _index(self) -> None:
        """Number the packets; none is decoded."""
        every = read_packets(self._container, self._stream)
        by_time = self._container.format.name == "avi"
        missing = missing_part(Path(self._path), self._stream.frames, every, by_time=by_time)
        if missing:
            raise PixelDataError(missing)
        packets = [(packet.pts, packet.is_key) for packet in every if not packet.is_hidden]
        stamps = sorted({stamp for stamp, _ in packets if stamp is not None})
        stamped = len(stamps) == len(packets)
        in_order = stamped and not (by_time and self._stream.codec_context.name in ORDERED_BY_DECODER)
        self._length = len(packets)
        self._numbers = {stamp: number for number, stamp in enumerate(stamps)} if in_order else {}
        self._stamps = stamps if in_order else []
        self._keys = sorted(self._numbers[stamp] for stamp, is_key in packets if is_key and stamp in self._numbers)
        tick_ms = self._stream.time_base * 1000 if stamped and self._stream.time_base else None
        self.times_ms: tuple[float, ...] | None = None
        if tick_ms is not None:
            self.times_ms = tuple(float((stamp - stamps[0]) * tick_ms) for stamp in stamps)

    def _picture(self, number: int) -> NDArray[np.uint8]:
        """Decode a frame and turn it upright, as the container says it is to be shown."""
        frame = self._reach(number)
        if frame.is_corrupt:
            raise ValueError("corrupt")
        quarter_turns = round(frame.rotation / 90) if hasattr(frame, "rotation") else 0
        return np.ascontiguousarray(np.rot90(to_rgb(frame), quarter_turns))

    def _reach(self, number: int) -> Any:
        """Decode on to a frame; over a key frame where that is nearer, and from the start where seeking failed."""
        key = self._keys[max(bisect_right(self._keys, number) - 1, 0)] if self._keys else 0
        if self._container is None or (not self._keys and self._next > number):
            self._open()
        if self._keys and not key <= self._next <= number:
            self._container.seek(self._stamps[key], stream=self._stream)
            self._decoded, self._next = self._container.decode(self._stream), key
        frame = self._advance(number)
        if frame is None:
            self._open()
            frame = self._advance(number)
        if frame is None:
            raise ValueError("the frame is not there")
        return frame

    def _advance(self, number: int) -> Any:
        """Decode until a frame comes; None where it does not."""
        for frame in self._decoded:
            found = self._numbers.get(frame.pts) if self._numbers else self._next
            if found is not None:
                self._next = found + 1
                if found >= number:
                    return frame if found == number else None
        return None
