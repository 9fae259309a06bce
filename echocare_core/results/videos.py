"""Cines of pictures that a bundle makes of frames, as MP4: what an ordinary player shows."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from echocare_core.errors import OutputError
from echocare_core.optional import import_package, is_installed
from echocare_core.result_files import VIDEOS
from echocare_core.results.table import FILE, Row

CODECS = {"libx264": {"crf": "14"}, "mpeg4": {"qmin": "2", "qmax": "3"}}  # the best that PyAV was built with
UNKNOWN_MS = 40.0  # from frame to frame where the source does not say
BT_601, LIMITED = 6, 1  # as ITU-T H.273 numbers matrix and range
_log = logging.getLogger(__name__)


def write_videos(
    folder: Path, rows: Sequence[Row], names: Sequence[str], name_of: Callable[[str], str]
) -> list[dict[str, object]]:
    """Write an MP4 of each cine, H.264 where PyAV has it, and name it in the rows of its frames.

    Each frame is shown when it was recorded; where the source does not say, 25 a second. Odd sides get a black line.
    Without PyAV nothing is written, and a warning says so.

    Args:
        folder: in which results are prepared, pictures among them.
        rows: of `results.csv`.
        names: of the pictures.
        name_of: source -> path of its results without extension, relative and legal on every disk.

    Returns:
        The rows, where a cine was written with its path in the column `NAME_video_file`.

    Raises:
        OSError: the disk cannot take them.
    """
    named = [dict(row) for row in rows]
    for name in names:
        cines = _cines(rows, f"{name}{FILE}")
        if cines and not is_installed("av"):
            _log.warning("No MP4 of cines is written: that needs PyAV. Run pip install 'echocare[video]'.")
            return named
        for source, of_cine in cines.items():
            path = f"{VIDEOS}/{name_of(source)}_{name}.mp4"
            pictures = [folder / str(rows[place][f"{name}{FILE}"]) for place in of_cine]
            write_video(folder / path, pictures, _times_ms([rows[place]["frame_time_ms"] for place in of_cine]))
            for place in of_cine:
                named[place][f"{name}_video{FILE}"] = path
    return named


def write_video(path: Path, pictures: Sequence[Path], times_ms: Sequence[float]) -> None:
    """Write pictures of one size as an MP4.

    Args:
        path: of the file; its folder is made if need be.
        pictures: files, in the order in which they are shown.
        times_ms: when each is shown, rising.

    Raises:
        OSError: one cannot be read, or the file not be written.
    """
    av = import_package("av", subject="An MP4", error=OutputError)
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = next(name for name in CODECS if name in av.codecs_available)
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream(codec, rate=1000, options=CODECS[codec])
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1  # several would round from run to run
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.colorspace, stream.codec_context.color_range = BT_601, LIMITED
        for number, (picture, time_ms) in enumerate(zip(pictures, times_ms, strict=True)):
            frame = av.VideoFrame.from_ndarray(_even(picture), format="rgb24")
            if not number:
                stream.width, stream.height = frame.width, frame.height
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
            frame.pts, frame.time_base = round(time_ms - times_ms[0]), stream.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _cines(rows: Sequence[Row], column: str) -> dict[str, list[int]]:
    """Source of each cine -> places of the rows of its frames that have such a picture, in the order of recording."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if row.get(column) and row["frame"] is not None:
            found[str(row["source"])].append(place)
    frame_of = lambda place: cast(int, rows[place]["frame"])  # noqa: E731
    return {source: sorted(places, key=frame_of) for source, places in found.items() if len(places) > 1}


def _times_ms(recorded: Sequence[Any]) -> list[float]:
    """When frames are shown; evenly where the source does not say for all of them, or not in order."""
    known = [time for time in recorded if isinstance(time, float)]
    rising = all(later - earlier >= 1 for earlier, later in pairwise(known))
    return known if len(known) == len(recorded) and rising else [UNKNOWN_MS * number for number in range(len(recorded))]


def _even(picture: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of a picture, with a black line on its right and below where a side is odd."""
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    return np.pad(pixels, [(0, side % 2) for side in pixels.shape[:2]] + [(0, 0)])
