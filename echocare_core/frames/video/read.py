"""AVI, MP4, MKV and WebM cines to Frames."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import PixelDataError, UnreadableFrames
from echocare_core.frames.lazy import LazyPixels
from echocare_core.frames.plausible import NOT_A_TIME, are_frame_times
from echocare_core.frames.size import check_size
from echocare_core.frames.video.promise import EBML
from echocare_core.frames.video.track import VideoTrack
from echocare_core.types import Frames

QUICKTIME = (b"moov", b"wide", b"free", b"skip", b"pnot")


@dataclass(frozen=True)
class VideoPixels(LazyPixels):
    """The frames of a video file.

    Attributes:
        path: the file.
        frames: how many there are.
        size: (height, width) in pixels.
    """

    path: Path
    frames: int
    size: tuple[int, int]

    def __len__(self) -> int:
        return self.frames

    def decode(self, number: int) -> NDArray[np.uint8]:
        """One frame, RGB uint8 (height, width, 3); UnreadableFrames where it is damaged or cannot be shown."""
        try:
            track = _open(self.path)
            if (len(track), track.size) != (self.frames, self.size):
                raise PixelDataError("is not there any more; the file changed")
            return track.frame(number)
        except PixelDataError as fault:
            reason, frame = f"{fault}. Copy or export the file again.", f"frame {number + 1} of {self.frames}"
            raise UnreadableFrames(self.path, reason, frame) from fault


def looks_like_video(head: bytes) -> bool:
    """Whether a file that begins with these bytes (12 at least) is AVI (RIFF), of the MP4 family (ISO 14496-12)
    or Matroska, of which WebM is a part (RFC 9559).

    QuickTime files from before that standard name no type: they begin with one of their parts.
    """
    is_part = head[4:8] == b"mdat" or (head[4:8] in QUICKTIME and head[0] == 0)  # no text begins with a zero
    is_matroska = head.startswith(EBML)
    return (head[:4] == b"RIFF" and head[8:12] == b"AVI ") or head[4:8] == b"ftyp" or is_part or is_matroska


def read_video(path: Path) -> Frames:
    """Read an AVI, MP4, MKV or WebM cine; frames are decoded when `pixels[i]` is asked for, others on the way.

    Needs PyAV: `pip install 'echocare[video]'`.

    Args:
        path: AVI, MP4, MOV, MKV or WebM file; its first video stream is read, turned as the file says.

    Returns:
        Frames with `pixels` uint8 RGB (height, width, 3) and `frame_times_ms` from the file's time stamps. A video says
        nothing about millimetres.

    Raises:
        UnreadableFrames: PyAV is not installed, or the file is damaged, cut short (whatever frames are whole), without
            a picture or smaller than 16x16 px. Damage behind the first frame raises when that frame is asked for; none
            is filled in from its neighbours.
    """
    try:
        track = _open(path)
    except PixelDataError as fault:
        text = str(fault)
        raise UnreadableFrames(
            path, text if text.endswith(".") else f"{text}. Leave it out, or export it again."
        ) from fault
    try:
        check_size(*track.size)
    except PixelDataError as fault:
        raise UnreadableFrames(path, str(fault)) from fault
    times_ms = (0.0,) if len(track) == 1 else track.times_ms
    believed = times_ms is None or are_frame_times(times_ms)
    return Frames(
        *(path, VideoPixels(path, len(track), track.size), track.size, times_ms if believed else None),
        notes=() if believed else (NOT_A_TIME,),
    )


def _open(path: Path) -> VideoTrack:
    """The track of a file; the last ones stay open, each process has its own."""
    try:
        return _open_track(path, path.stat().st_mtime_ns, os.getpid())
    except OSError as fault:
        raise PixelDataError("cannot be read from the disk any more") from fault


@lru_cache(maxsize=4)
def _open_track(path: Path, modified_ns: int, process: int) -> VideoTrack:
    return VideoTrack(path)
