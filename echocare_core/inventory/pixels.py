"""Pictures as hashes, to find those that an export holds twice: a few bytes of each first, all bytes where those agree.

So an export is not read whole for the sake of its copies. Both compare what is stored: a picture that was compressed
anew has other bytes and is found only where its decoded frames are compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.header import PixelData
from echocare_core.frames.dicom.read import DicomPixels
from echocare_core.secret import SecretKey
from echocare_core.types import Frames

LOOKS, LOOK_BYTES = 4, 4096
BLOCK_BYTES, DIGEST_BYTES = 1 << 20, 16
Span = tuple[int, int]  # start and length in bytes


def fingerprint(frames: Frames, key: SecretKey) -> str:
    """Hash of the size and form of the stored pixels and of 16 KB of them: equal where pixels are, seldom else."""
    return _hash(frames, _looks(_spans(frames)), key)


def stored_digest(frames: Frames, key: SecretKey) -> str:
    """Hash of all stored pixels, without offset tables, which say nothing about the picture."""
    return _hash(frames, _blocks(_spans(frames)), key)


def decoded_digest(frames: Frames, key: SecretKey) -> tuple[str, int]:
    """Hash of the decoded frames, whatever the compression, and how many of them could not be decoded.

    Raises:
        UnreadableFrames: not one frame can be decoded.
    """
    digest = key.blake2b(repr(frames.size).encode(), DIGEST_BYTES)
    damaged = 0
    for number in range(len(frames)):
        try:
            digest.update(frames.pixels[number].tobytes())
        except UnreadableFrames as fault:
            damaged += 1
            if damaged == len(frames):
                raise
            digest.update(str(fault).encode())  # it names the file: a damaged cine is no copy of another
    return digest.hexdigest(), damaged


def _hash(frames: Frames, spans: Iterator[Span], key: SecretKey) -> str:
    pixels = frames.pixels
    form: list[object] = [frames.size, len(frames), [length for _, length in _spans(frames)]]
    if isinstance(pixels, DicomPixels):
        form += [pixels.pixel_format.photometric, pixels.pixel_format.planar, pixels.pixel_format.bits_allocated]
    digest = key.blake2b(repr(form).encode(), DIGEST_BYTES)
    source = _source(frames)
    for start, length in spans:
        digest.update(source.read(start, length).data)
    return digest.hexdigest()


def _source(frames: Frames) -> PixelData:
    """What the spans are counted in: the pixel data of an object, the whole of another file."""
    pixels = frames.pixels
    return pixels.pixel_data if isinstance(pixels, DicomPixels) else PixelData(frames.path, 0, None, 0)


def _spans(frames: Frames) -> list[Span]:
    """Where the pixels stand: every fragment of an encapsulated object, else one span."""
    pixels = frames.pixels
    if not isinstance(pixels, DicomPixels):
        return [(0, frames.path.stat().st_size)]
    frames_or_stream = (pixels.video.fragments,) if pixels.video else pixels.extents
    if frames_or_stream:
        return [(start, length) for fragments in frames_or_stream for start, length in fragments]
    return [(0, len(pixels) * pixels.pixel_format.frame_bytes)]


def _looks(spans: list[Span]) -> Iterator[Span]:
    """Short spans in the middle of each quarter: at the edges of pictures there is nothing to tell them apart."""
    ends = list(accumulate(length for _, length in spans))
    for quarter in range(LOOKS):
        position = ends[-1] * (2 * quarter + 1) // (2 * LOOKS)
        number = min(bisect_right(ends, position), len(spans) - 1)
        start, length = spans[number]
        offset = position - (ends[number] - length)
        yield start + offset, min(LOOK_BYTES, length - offset)


def _blocks(spans: list[Span]) -> Iterator[Span]:
    for start, length in spans:
        for offset in range(0, length, BLOCK_BYTES):
            yield start + offset, min(BLOCK_BYTES, length - offset)
