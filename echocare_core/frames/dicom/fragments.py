"""Where each frame of encapsulated pixel data stands in the file (PS3.5 A.4); offset tables are checked, then used."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import NamedTuple

from pydicom.dataset import Dataset

from echocare_core.counting import counted
from echocare_core.errors import PixelDataError
from echocare_core.frames.dicom.header import PixelData, value

ITEM, SEQUENCE_END = 0xE000FFFE, 0xE0DDFFFE  # (FFFE,E000) and (FFFE,E0DD), read as little-endian numbers
MOST_ITEMS = 1 << 20  # empty ones cost eight bytes in a file, and twenty times that in memory
STARTS = (
    *(b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "),  # JPEG and JPEG-LS; JPEG 2000, bare and in a file
    *(b"\xff\x0a", b"\0\0\0\x0cJXL "),  # JPEG XL, bare and in a file
    *(bytes([segments, 0, 0, 0, 64, 0, 0, 0]) for segments in (1, 2, 3, 6)),  # RLE (PS3.5 G.5)
)


class Fragment(NamedTuple):
    """One item: `start` of its value and `length`, in bytes from the start of the pixel data."""

    start: int
    length: int


Extents = tuple[tuple[Fragment, ...], ...]


def read_stream_extent(pixel_data: PixelData) -> tuple[Fragment, ...]:
    """All fragments of a video, which together are its one stream (PS3.5 8.2.5); an offset table says nothing here.

    Raises:
        PixelDataError: items are missing or cut short.
    """
    (_, *fragments), _ = _walk(pixel_data)
    if not any(fragment.length for fragment in fragments):
        raise PixelDataError("has empty pixel data. Export it again.")
    return tuple(fragments)


def read_frame_index(pixel_data: PixelData, dataset: Dataset, frames: int | None) -> Extents:
    """Find the fragments of every frame.

    A table is used only where each of its offsets lands on an item: the extended offset table (7FE0,0001) first, then
    the basic one. Else one fragment is one frame where their numbers agree, else frames begin where a stream of the
    first one's kind begins, else all fragments are the one frame.

    Args:
        pixel_data: where the items stand.
        dataset: the header, for its extended offset table.
        frames: Number of Frames; None where the object does not say. Fragments beyond it belong to no frame.

    Returns:
        For each frame its fragments, to be joined.

    Raises:
        PixelDataError: items are missing, cut short or cannot be told apart.
    """
    (table, *fragments), ended = _walk(pixel_data)
    if not fragments:
        raise PixelDataError("has empty pixel data. Export it again.")
    more = len(fragments) > 1 or sum(fragments[0]) < pixel_data.available
    if frames is None and not ended and more:
        raise PixelDataError(
            f"says neither how many frames it has nor where they end, and breaks off after "
            f"{counted(len(fragments), 'fragment')} of pixel data: frames may be missing. Export it again."
        )
    by_table = _by_tables(pixel_data, dataset, table, fragments, frames)
    if by_table:
        return by_table
    if len(fragments) == (frames or 1):
        return tuple((fragment,) for fragment in fragments)
    return _by_starts(pixel_data, fragments, frames)


def read_frame(pixel_data: PixelData, fragments: tuple[Fragment, ...]) -> bytes:
    """Join the fragments of one frame.

    Raises:
        OSError: the file is gone.
    """
    return b"".join(pixel_data.read(*fragment).data for fragment in fragments)


def _walk(pixel_data: PixelData) -> tuple[list[Fragment], bool]:
    """Every item, the basic offset table first, and whether an end mark stands behind them."""
    items: list[Fragment] = []
    position, ended = 0, False
    with pixel_data.path.open("rb") as file:
        while position + 8 <= pixel_data.available:
            file.seek(pixel_data.start + position)
            tag, length = struct.unpack("<II", file.read(8))
            ended = tag == SEQUENCE_END
            if ended:
                break
            if tag != ITEM or position + 8 + length > pixel_data.available:
                raise PixelDataError(f"has pixel data that breaks off after {_whole(items)}. Copy or export it again.")
            items.append(Fragment(position + 8, length))
            if len(items) > MOST_ITEMS:
                raise PixelDataError(f"has more than {MOST_ITEMS} fragments of pixel data. Export it again.")
            position += 8 + length
    return items or [Fragment(0, 0)], ended


def _whole(items: list[Fragment]) -> str:
    return counted(max(len(items) - 1, 0), "whole fragment")


def _by_tables(
    pixel_data: PixelData, dataset: Dataset, table: Fragment, fragments: list[Fragment], frames: int | None
) -> Extents | None:
    extended = value(dataset, "ExtendedOffsetTable")
    for raw, kind, width in ((extended, "Q", 8), (pixel_data.read(*table).tobytes(), "I", 4)):
        if isinstance(raw, bytes) and len(raw) >= width:
            offsets = struct.unpack(f"<{len(raw) // width}{kind}", raw[: len(raw) // width * width])
            found = _by_offsets(offsets, fragments, frames)
            if found:
                return found
    return None


def _by_offsets(offsets: tuple[int, ...], fragments: list[Fragment], frames: int | None) -> Extents | None:
    """Group the fragments; None unless there is one offset per frame and each, counted from the first, is an item."""
    base = fragments[0].start
    position = {fragment.start - base: number for number, fragment in enumerate(fragments)}
    ascending = all(one < following for one, following in pairwise(offsets))
    if offsets[0] != 0 or not ascending or not all(offset in position for offset in offsets):
        return None
    return _group([position[offset] for offset in offsets], fragments) if frames in (None, len(offsets)) else None


def _by_starts(pixel_data: PixelData, fragments: list[Fragment], frames: int | None) -> Extents:
    """Group by the fragments that begin as the first one does, which begins a stream."""
    heads = [pixel_data.read(fragment.start, min(8, fragment.length)).tobytes() for fragment in fragments]
    kind = next((start for start in STARTS if heads[0].startswith(start)), None)
    starts = [number for number, head in enumerate(heads) if kind is not None and head.startswith(kind)]
    if starts and len(starts) >= (frames or 1):
        return _group(starts, fragments)[:frames]
    if frames in (1, None):
        return (tuple(fragments),)
    raise PixelDataError(
        f"says it has {frames} frames but holds {len(fragments)} fragments of pixel data, "
        f"{len(starts)} of which begin a frame: frames are missing. Export it again."
    )


def _group(starts: list[int], fragments: list[Fragment]) -> Extents:
    ends = [*starts[1:], len(fragments)]
    return tuple(tuple(fragments[start:end]) for start, end in zip(starts, ends, strict=True))
