"""The pixels of a file as they are stored, compressed or not: where they stand, and bytes of them to compare.

A picture that was compressed anew has other bytes: what is compared here is whether somebody copied a file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.frames.dicom.header import PixelData
from echocare_core.frames.dicom.read import DicomPixels
from echocare_core.frames.lazy import FirstFrame
from echocare_core.frames.volume.pixels import VolumePixels
from echocare_core.types import Frames

LOOKS, LOOK_BYTES = 4, 4096
BLOCK_BYTES = 1 << 20
Span = tuple[int, int]  # start and length in bytes


def stored_form(frames: Frames) -> str:
    """What must be equal for equal bytes to be equal pictures: size, number, lengths, and the kind of samples."""
    pixels = _whole(frames)
    form: list[object] = [frames.size, len(pixels), [length for _, length in stored_spans(frames)]]
    if isinstance(pixels, DicomPixels):
        form += [pixels.pixel_format.photometric, pixels.pixel_format.planar, pixels.pixel_format.bits_allocated]
    return repr(form)


def stored_looks(frames: Frames) -> Iterator[bytes]:
    """16 KB of a file in four pieces, in the middle of each quarter: at the edges pictures are alike."""
    spans = stored_spans(frames)
    ends = list(accumulate(length for _, length in spans))
    for quarter in range(LOOKS):
        position = ends[-1] * (2 * quarter + 1) // (2 * LOOKS)
        number = min(bisect_right(ends, position), len(spans) - 1)
        start, length = spans[number]
        offset = position - (ends[number] - length)
        yield _read(frames, start + offset, min(LOOK_BYTES, length - offset))


def stored_scan(frames: Frames) -> Iterator[bytes]:
    """As `stored_looks`; of a native object four rows of the first frame, as far as they lie in the scan region."""
    pixels = _whole(frames)
    if not isinstance(pixels, DicomPixels) or pixels.video or pixels.extents:
        yield from stored_looks(frames)
        return
    form, (top, left, bottom, right) = pixels.pixel_format, frames.scan_box
    planes = form.samples if form.planar else 1
    row_bytes = form.frame_bytes // (form.rows * planes)
    start, end = (row_bytes * column // form.columns for column in (left, right))
    for quarter in range(LOOKS):
        row = top + (bottom - top) * (2 * quarter + 1) // (2 * LOOKS)
        yield _read(frames, row * row_bytes + start, end - start)


def stored_blocks(frames: Frames) -> Iterator[bytes]:
    """All of it, piece by piece, without offset tables, which say nothing about the picture."""
    for start, length in stored_spans(frames):
        for offset in range(0, length, BLOCK_BYTES):
            yield _read(frames, start + offset, min(BLOCK_BYTES, length - offset))
    for path in _files_beside(frames):
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block


def stored_frame(frames: Frames, number: int) -> bytes | None:
    """One frame of an object; None where frames do not stand apart, as in a video."""
    pixels = _whole(frames)
    if not isinstance(pixels, DicomPixels) or pixels.video:
        return None
    if pixels.extents:
        return b"".join(_read(frames, start, length) for start, length in pixels.extents[number])
    length = pixels.pixel_format.frame_bytes
    return _read(frames, number * length, length)


def stored_spans(frames: Frames) -> list[Span]:
    """Where the pixels stand: every fragment of an encapsulated object, all of a native one; else the whole file."""
    pixels = _whole(frames)
    if not isinstance(pixels, DicomPixels):
        return [(0, frames.path.stat().st_size)]
    frames_or_stream = (pixels.video.fragments,) if pixels.video else pixels.extents
    if frames_or_stream:
        return [(start, length) for fragments in frames_or_stream for start, length in fragments]
    return [(0, len(pixels) * pixels.pixel_format.frame_bytes)]


def _read(frames: Frames, start: int, length: int) -> bytes:
    """Bytes of the pixel data of an object, of the whole of another file."""
    pixels = _whole(frames)
    source = pixels.pixel_data if isinstance(pixels, DicomPixels) else PixelData(frames.path, 0, None, 0)
    return bytes(source.read(start, length).data)


def _files_beside(frames: Frames) -> Sequence[Path]:
    """Files that hold the numbers of a header that stands alone: equal headers may have other pictures."""
    pixels = _whole(frames)
    return [path for path in pixels.files if path != frames.path] if isinstance(pixels, VolumePixels) else []


def _whole(frames: Frames) -> Sequence[NDArray[np.uint8]]:
    return frames.pixels.whole if isinstance(frames.pixels, FirstFrame) else frames.pixels
