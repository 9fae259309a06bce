"""Where each frame of encapsulated pixel data stands in the file (PS3.5 A.4); offset tables are checked, then used."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import NamedTuple

from pydicom.dataset import Dataset

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.header import PixelData, value

ITEM, SEQUENCE_END = 0xE000FFFE, 0xE0DDFFFE  # (FFFE,E000) and (FFFE,E0DD), read as little-endian numbers
STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # JPEG and JPEG-LS; JPEG 2000


class Fragment(NamedTuple):
    """One item: `start` of its value and `length`, in bytes from the start of the pixel data."""

    start: int
    length: int


Extents = tuple[tuple[Fragment, ...], ...]


def read_stream_extent(pixel_data: PixelData) -> tuple[Fragment, ...]:
    """All fragments of a video, which together are its one stream (PS3.5 8.2.5); an offset table says nothing here.

    Raises:
        UnreadableFrames: items are missing or cut short. The sentence lacks its subject.
    """
    _, *fragments = _walk(pixel_data)
    if not any(fragment.length for fragment in fragments):
        raise UnreadableFrames("has empty pixel data. Export it again.")
    return tuple(fragments)


def read_frame_index(pixel_data: PixelData, dataset: Dataset, frames: int | None) -> Extents:
    """Find the fragments of every frame.

    A table is used only where each of its offsets lands on an item: the extended offset table (7FE0,0001) first, then
    the basic one. Else one fragment is one frame where their numbers agree, else frames begin where a JPEG stream
    begins, else all fragments are the one frame.

    Args:
        pixel_data: where the items stand.
        dataset: the header, for its extended offset table.
        frames: Number of Frames; None where the object does not say. Fragments beyond it belong to no frame.

    Returns:
        For each frame its fragments, to be joined.

    Raises:
        UnreadableFrames: items are missing, cut short or cannot be told apart. The sentence lacks its subject; the
            caller puts the file name before it.
    """
    table, *fragments = _walk(pixel_data)
    if not fragments:
        raise UnreadableFrames("has empty pixel data. Export it again.")
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


def _walk(pixel_data: PixelData) -> list[Fragment]:
    """Every item, the basic offset table first."""
    items: list[Fragment] = []
    position = 0
    with pixel_data.path.open("rb") as file:
        while position + 8 <= pixel_data.available:
            file.seek(pixel_data.start + position)
            tag, length = struct.unpack("<II", file.read(8))
            if tag == SEQUENCE_END:
                break
            if tag != ITEM or position + 8 + length > pixel_data.available:
                raise UnreadableFrames(
                    f"has pixel data that breaks off after {_whole(items)}. Copy or export it again."
                )
            items.append(Fragment(position + 8, length))
            position += 8 + length
    return items or [Fragment(0, 0)]


def _whole(items: list[Fragment]) -> str:
    count = max(len(items) - 1, 0)
    return f"{count} whole fragment{'' if count == 1 else 's'}"


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
    return _grouped([position[offset] for offset in offsets], fragments) if frames in (None, len(offsets)) else None


def _by_starts(pixel_data: PixelData, fragments: list[Fragment], frames: int | None) -> Extents:
    """Group by the fragments that begin a JPEG stream."""
    starts = [
        number
        for number, fragment in enumerate(fragments)
        if pixel_data.read(fragment.start, min(4, fragment.length)).tobytes().startswith(STARTS)
    ]
    if starts[:1] == [0] and len(starts) >= (frames or 1):
        return _grouped(starts, fragments)[:frames]
    if frames in (1, None):
        return (tuple(fragments),)
    raise UnreadableFrames(
        f"says it has {frames} frames but holds {len(fragments)} fragments of pixel data, "
        f"{len(starts)} of which begin a frame: frames are missing. Export it again."
    )


def _grouped(starts: list[int], fragments: list[Fragment]) -> Extents:
    ends = [*starts[1:], len(fragments)]
    return tuple(tuple(fragments[start:end]) for start, end in zip(starts, ends, strict=True))
