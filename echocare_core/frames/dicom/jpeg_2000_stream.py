"""What a JPEG 2000 codestream says about itself (ISO 15444-1 A.4 to A.6), read before memory is spent on it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

START = b"\xff\x4f\xff\x51"  # SOC, then SIZ
SIZ, COD, COC, SOT, SOD = 0x51, 0x52, 0x53, 0x90, 0x93
OWN_PRECINCTS = 1


@dataclass(frozen=True)
class Jpeg2000Stream:
    """The headers of one codestream.

    Attributes:
        data: of the codestream alone, without the boxes of a file around it.
        size: (height, width) in pixels.
        components: how many.
        transformed: its components were converted on encoding, which the decoder undoes (A.6.1).
        pieces: code blocks or precincts at most, for each of which a decoder keeps some hundred bytes.
    """

    data: bytes
    size: tuple[int, int]
    components: int
    transformed: bool
    pieces: int


def read_jpeg_2000_stream(data: bytes) -> Jpeg2000Stream:
    """Read the headers of a codestream, bare or in a file.

    Raises:
        ValueError: there is none, or it is cut short.
        struct.error, IndexError: its headers are damaged.
    """
    start = data.find(START)
    if start < 0 or data.rfind(b"\xff\xd9") < start:
        raise ValueError("the stream has no JPEG 2000 picture, or it is cut short")
    data = data[start:]
    right, bottom, left, top = struct.unpack(">4I", data[8:24])
    (components,) = struct.unpack(">H", data[40:42])
    transformed, smallest = False, 1 << 12
    for marker, content in _segments(data):
        if marker == COD:
            transformed = transformed or content[4] == 1
            smallest = min(smallest, _smallest_piece(content[0], content[5:]))
        elif marker == COC:
            named = 1 if components < 257 else 2
            smallest = min(smallest, _smallest_piece(content[named], content[named + 1 :]))
    size = bottom - top, right - left
    return Jpeg2000Stream(data, size, components, transformed, size[0] * size[1] * components // smallest)


def _smallest_piece(style: int, content: bytes) -> int:
    """Samples of a code block, or of a precinct where one is smaller (A.6.1, tables A.18 to A.21)."""
    levels, width, height = content[:3]
    sides = content[5 : 6 + levels] if style & OWN_PRECINCTS else b"\xff"
    return int(min(1 << (width + height + 4), *(1 << ((side & 15) + (side >> 4)) for side in sides or b"\0")))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, content) of each segment in the main header and in that of each tile part (A.4.2)."""
    position, tile_end = 2, 0
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, (length,) = data[position + 1], struct.unpack(">H", data[position + 2 : position + 4])
        if marker == SOT:
            (part,) = struct.unpack(">I", data[position + 6 : position + 10])
            tile_end = position + part if part else len(data)
        if marker == SOD:
            position = tile_end
            continue
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length
