"""What the header of a video promises, and whether it is there: players do not say that a file was cut short."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from echocare_core.counting import counted

MOST_PARTS = 10_000  # at the top level of a container; none has more
EBML, SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"  # the parts of Matroska and WebM (RFC 9559)
UNKNOWN = (0, 0xFFFFFFFF)  # sizes that a program writes before it knows


class Packet(NamedTuple):
    """What is known of one compressed picture; its bytes stay in the file."""

    pts: int | None
    dts: int | None
    is_key: bool
    is_cut: bool
    is_hidden: bool


def read_packets(container: Any, stream: Any) -> list[Packet]:
    """All packets of a stream that have a picture in them, in the order of decoding; none is decoded."""
    return [
        Packet(packet.pts, packet.dts, packet.is_keyframe, packet.is_corrupt, packet.is_discard)
        for packet in container.demux(stream)
        if packet.size
    ]


def missing_part(path: Path, promised: int, packets: Sequence[Packet], *, by_time: bool) -> str | None:
    """What is missing of a video, in words; None where all is there, or the file promises nothing.

    Args:
        path: the file.
        promised: number of frames in its header, 0 where it says none.
        packets: all that came of its video stream.
        by_time: the header counts steps in time, as that of AVI does, of which some may have no picture.
    """
    whole = [packet for packet in packets if not packet.is_cut]
    steps = max((packet.dts for packet in packets if packet.dts is not None), default=-1) + 1 if by_time else 0
    if promised and (len(whole) < len(packets) or max(len(packets), steps) < promised):
        there = counted(len(whole), "whole one")
        return f"says it has {counted(promised, 'frame')}, but has {there}: it is cut short"
    missing = None if promised else missing_bytes(path)
    if missing is None and len(whole) < len(packets):
        return f"is cut short within frame {len(whole) + 1}, and says nowhere how many it should have"
    return missing


def missing_bytes(path: Path) -> str | None:
    """How many bytes of a container are missing, in words; None where it has as many as its parts promise."""
    there, promised = path.stat().st_size, 0
    with path.open("rb") as file:
        for _ in range(MOST_PARTS):
            file.seek(promised)
            length = _length(file.read(16))
            if length is None:
                return None
            promised += length
            if promised > there:
                return f"is cut short: its parts are {promised} bytes long, and {there} bytes are there"
    return None


def _length(head: bytes) -> int | None:
    """Bytes of a RIFF chunk, an ISO 14496-12 box or a part of Matroska, its own head with them; None at the end, or
    where it does not say."""
    if head.startswith((EBML, SEGMENT)):
        return _length_in_matroska(head)
    if len(head) < 8 or (not head[4:8].isalnum() and not head.startswith(b"RIFF")):
        return None
    if head.startswith(b"RIFF"):
        (length,) = struct.unpack("<I", head[4:8])
        return None if length in UNKNOWN else 8 + length + length % 2
    (length,) = struct.unpack(">I", head[:4])
    if length == 1 and len(head) == 16:
        (length,) = struct.unpack(">Q", head[8:])
    return length if length >= 8 else None


def _length_in_matroska(head: bytes) -> int | None:
    """A name of four bytes, then a number whose first bits say how many bytes it has (RFC 8794, section 4)."""
    number_bytes = 9 - head[4].bit_length() if len(head) > 4 else 9
    if number_bytes > 8 or len(head) < 4 + number_bytes:
        return None
    unknown = (1 << 7 * number_bytes) - 1
    length = int.from_bytes(head[4 : 4 + number_bytes], "big") & unknown
    return None if length == unknown else 4 + number_bytes + length
