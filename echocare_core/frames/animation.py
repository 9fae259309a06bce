"""How many pictures an animated GIF, PNG or WebP has, and when each is shown, from its parts; none is decoded.

Pillow says it only after it has decoded all, and not whether a file was cut short.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate

from echocare_core.counting import counted
from echocare_core.errors import PixelDataError

CUT = "says it has {promised}, but has {whole}: it is cut short"
ENDLESS = "is cut short: it has {whole}, and no end"


def delays_ms(data: bytes) -> list[float]:
    """How long each picture of a file is shown; [] where it is no animation.

    Raises:
        PixelDataError: it is cut short.
    """
    try:
        if data.startswith(b"GIF8"):
            return _of_gif(data)
        return _of_png(data) if data.startswith(b"\x89PNG") else _of_webp(data)
    except (IndexError, struct.error) as fault:
        raise PixelDataError("is cut short inside one of its parts") from fault


def times_ms(delays: Sequence[float]) -> tuple[float, ...] | None:
    """When each picture is shown, from the first on; None where the file names no delays."""
    return (0.0, *accumulate(delays[:-1])) if delays and all(delay > 0 for delay in delays[:-1]) else None


def _of_gif(data: bytes) -> list[float]:
    """GIF89a, 18 to 23: extensions (0x21) of which one has the delay in 1/100 s, pictures (0x2C), the end (0x3B)."""
    delays: list[float] = []
    place, delay = 13 + _table(data[10]), 0.0
    while place < len(data):
        mark = data[place]
        if mark == 0x3B:
            return delays
        if mark == 0x21 and data[place + 1] == 0xF9:
            delay = 10.0 * struct.unpack_from("<H", data, place + 4)[0]
        start = place + 2 if mark == 0x21 else place + 11 + _table(data[place + 9])
        place = _behind_blocks(data, start)
        if mark == 0x2C:
            delays.append(delay)
    raise PixelDataError(ENDLESS.format(whole=counted(len(delays), "whole frame")))


def _table(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += 1 + data[place]
    return place + 1


def _of_png(data: bytes) -> list[float]:
    """PNG 3rd edition, 11.3.6: acTL has the number of frames, fcTL the delay of each."""
    promised, delays, ended = 0, [], False
    for kind, start, length in _chunks(data, 8, ">I4s", 4):
        ended = kind == b"IEND"
        if kind == b"acTL":
            (promised,) = struct.unpack_from(">I", data, start)
        if kind == b"fcTL" and length >= 26:
            over, under = struct.unpack_from(">HH", data, start + 20)
            delays.append(1000.0 * over / (under or 100))
    if promised > len(delays) or (promised and not ended):
        whole = counted(max(0, len(delays) - (not ended)), "whole one")
        raise PixelDataError(CUT.format(promised=counted(promised, "frame"), whole=whole))
    return delays if promised else []


def _of_webp(data: bytes) -> list[float]:
    """WebP container, RFC 9649 2.7.1.1: ANMF has the milliseconds of a frame in three bytes."""
    (promised,) = struct.unpack_from("<I", data, 4)
    if promised + 8 > len(data):
        raise PixelDataError(f"is cut short: its parts are {promised + 8} bytes long, and {len(data)} bytes are there")
    found = _chunks(data, 12, "<4sI", 0)
    return [float(int.from_bytes(data[at + 12 : at + 15], "little")) for kind, at, _ in found if kind == b"ANMF"]


def _chunks(data: bytes, place: int, head: str, behind: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its contents begin, their length) of every whole chunk; those of RIFF are of even length."""
    while place + 8 + behind <= len(data):
        found = struct.unpack_from(head, data, place)
        kind, length = found if isinstance(found[0], bytes) else found[::-1]
        if place + 8 + length + behind > len(data):
            return
        yield kind, place + 8, length
        place += 8 + length + behind + (length % 2 if not behind else 0)
