"""Small videos for the tests, written with the encoders that PyAV brings."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from ultrasound_files import CINE, write_ultrasound

MPEG_2, H_264, HEVC = (f"1.2.840.10008.1.2.4.{number}" for number in (100, 102, 107))
SYNTAX = {"mpeg2video": MPEG_2, "libx264": H_264, "libx265": HEVC}
QUALITY = {"mpeg2video": {"qmin": "1", "qmax": "2"}, "libx264": {"qp": "4"}}
COLOURS = np.array([[200, 40, 30], [20, 180, 60], [30, 60, 220], [128, 128, 128]], dtype=np.uint8)
BT_601, BT_709, LIMITED, FULL = 6, 1, 1, 2  # ITU-T H.273


def colour_bars(frames: int, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """Four quarters of strong colours, the last of which grows brighter from frame to frame, 10 a frame."""
    pictures = np.empty((frames, height, width, 3), dtype=np.uint8)
    middle, centre = height // 2, width // 2
    pictures[:, :middle, :centre], pictures[:, :middle, centre:], pictures[:, middle:, :centre] = COLOURS[:3]
    pictures[:, middle:, centre:] = (10 + 10 * np.arange(frames, dtype=np.uint8))[:, None, None, None]
    return pictures


def encode(
    pictures: NDArray[np.uint8],
    codec: str = "libx264",
    container: str = "mp4",
    *,
    matrix: int = BT_601,
    colour_range: int = LIMITED,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A video with a key frame every 8 pictures and 2 pictures that need a later one between their neighbours."""
    if codec not in av.codecs_available:
        raise LookupError(codec)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = 8, 2, 1
        context.color_range, context.colorspace = colour_range, matrix
        quiet = {"x265-params": "log-level=none:keyint=8:qp=4"} if codec == "libx265" else QUALITY[codec]
        stream.options = {**quiet, **(options or {})}
        for picture in pictures:
            output.mux(stream.encode(_as_yuv(picture, matrix, colour_range)))
        output.mux(stream.encode(None))
    return file.getvalue()


def write_video(path: Path, stream: bytes | list[bytes], pictures: NDArray[np.uint8], syntax: str, **more: Any) -> Path:
    """One ultrasound video; `more` are attributes, None removes one."""
    frames, height, width = pictures.shape[:3]
    attributes = {"Rows": height, "Columns": width, "NumberOfFrames": frames, "SOPClassUID": CINE, **more}
    streams = [stream] if isinstance(stream, bytes) else stream
    return write_ultrasound(path, streams, transfer_syntax=syntax, photometric="YBR_PARTIAL_420", attributes=attributes)


def _as_yuv(picture: NDArray[np.uint8], matrix: int, colour_range: int) -> av.VideoFrame:
    """By the equations of BT.601 and BT.709 themselves, each sample the mean of its four pixels."""
    red, blue = (0.299, 0.114) if matrix == BT_601 else (0.2126, 0.0722)
    r, g, b = picture.astype(float).transpose(2, 0, 1)
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = [(b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)]
    halved = [one.reshape(one.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)) for one in chroma]
    scales = (219, 224, 16) if colour_range == LIMITED else (255, 255, 0)
    planes = [luma * scales[0] / 255 + scales[2], *(one * scales[1] / 255 + 128 for one in halved)]
    flat = np.concatenate([np.clip(np.rint(plane), 0, 255).astype(np.uint8).ravel() for plane in planes])
    frame = av.VideoFrame.from_ndarray(flat.reshape(-1, picture.shape[1]), format="yuv420p")
    frame.colorspace, frame.color_range = matrix, colour_range
    return frame
