"""JPEG frames of a copy: kept without their comments, or encoded again with the tables they were encoded with."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"  # version 1.1, no unit, no thumbnail
START, END, SCAN, APPLICATION, COMMENT = 0xD8, 0xD9, 0xDA, range(0xE0, 0xF0), 0xFE
ALONE = {0x01, *range(0xD0, 0xD8)}


def without_comments(stream: bytes) -> bytes:
    """The stream without comments, application segments and what follows its end; its picture stays as it is.

    Of the application segments, JFIF's and Adobe's stay as far as they say what the colours are.

    Raises:
        ValueError: it is no JPEG stream, or it breaks off.
    """
    kept, position = [b"\xff\xd8"], 2
    while True:
        marker = (
            stream[position + 1] if stream[position : position + 1] == b"\xff" and position + 1 < len(stream) else -1
        )
        if marker == END:
            return b"".join([*kept, b"\xff\xd9"])
        if marker in ALONE or marker == 0xFF:
            kept.append(b"" if marker == 0xFF else stream[position : position + 2])
            position += 1 if marker == 0xFF else 2
            continue
        if marker < 0xC0 or position + 4 > len(stream):
            raise ValueError("the stream breaks off")
        (length,) = struct.unpack(">H", stream[position + 2 : position + 4])
        end = position + 2 + length
        kept.append(_segment(marker, stream[position:end]))
        position = end
        if marker == SCAN:
            end = _end_of_scan(stream, position)
            kept.append(stream[position:end])
            position = end


def encode_like(stream: bytes, picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture with the quantisation tables and colour sampling of a stream.

    Blocks that did not change are then rounded to the numbers they came from: 95 % of their pixels and more stay
    exactly as they were, and the mean difference is below a tenth of a grey level (tests/privacy/test_jpeg.py).

    Args:
        stream: baseline JPEG.
        picture: uint8 RGB (height, width, 3); encoded grey where the stream is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = Image.open(io.BytesIO(stream))
    if not isinstance(source, JpegImagePlugin.JpegImageFile):
        raise ValueError("the stream is no JPEG")
    file = io.BytesIO()
    if source.mode == "L":
        Image.fromarray(picture[..., 0]).save(file, "JPEG", qtables=source.quantization)
    else:
        sampling = JpegImagePlugin.get_sampling(source)
        Image.fromarray(picture).save(file, "JPEG", qtables=source.quantization, subsampling=sampling)
    return file.getvalue()


def _segment(marker: int, segment: bytes) -> bytes:
    if marker == 0xE0 and segment[4:9] == b"JFIF\0":
        return b"\xff\xe0" + struct.pack(">H", len(JFIF) + 2) + JFIF
    if marker == 0xEE and segment[4:9] == b"Adobe" and len(segment) >= 16:
        return b"\xff\xee\0\x0e" + segment[4:16]
    return b"" if marker == COMMENT or marker in APPLICATION else segment


def _end_of_scan(stream: bytes, position: int) -> int:
    """Where the next marker stands that is neither a stuffed byte nor a restart."""
    while (position := stream.find(b"\xff", position)) >= 0 and position + 1 < len(stream):
        if stream[position + 1] != 0 and stream[position + 1] not in ALONE:
            return position
        position += 2
    raise ValueError("the stream breaks off")
