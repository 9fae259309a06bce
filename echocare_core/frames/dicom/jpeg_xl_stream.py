"""The size a JPEG XL stream says it has (ISO 18181-1 D.1, ISO 18181-2), read before memory is spent on decoding it."""

from __future__ import annotations

import struct
from collections.abc import Callable

CODESTREAM, SIGNATURE = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height
HEAD = 64  # bytes that hold the size header many times over


def read_jpeg_xl_size(data: bytes) -> tuple[int, int]:
    """(height, width) in pixels of a bare codestream, or of one in a container.

    Raises:
        ValueError: it is no such stream.
    """
    codestream = _codestream(data) if data.startswith(SIGNATURE) else data[:HEAD]
    if not codestream.startswith(CODESTREAM):
        raise ValueError("the stream has no JPEG XL picture")
    bits = int.from_bytes(codestream[2:], "little")

    def take(count: int) -> int:
        nonlocal bits
        taken, bits = bits & ((1 << count) - 1), bits >> count
        return taken

    small = take(1) == 1
    height = _side(take, small)
    ratio = take(3)
    if ratio == 0:
        return height, _side(take, small)
    across, down = RATIOS[ratio - 1]
    return height, height * across // down


def _side(take: Callable[[int], int], small: bool) -> int:
    """One side, in steps of 8 pixels where the stream says so, else in 9, 13, 18 or 30 bits."""
    return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1


def _codestream(data: bytes) -> bytes:
    """The beginning of the codestream, in the first `jxlc` or `jxlp` box."""
    position = 0
    while position + 16 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        head = 8
        if length == 1:
            (length,), head = struct.unpack(">Q", data[position + 8 : position + 16]), 16
        if kind in (b"jxlc", b"jxlp"):
            start = position + head + (4 if kind == b"jxlp" else 0)  # a part begins with its number
            return data[start : start + HEAD]
        if length < head:  # 0: up to the end
            break
        position += length
    raise ValueError("the container has no JPEG XL picture")
