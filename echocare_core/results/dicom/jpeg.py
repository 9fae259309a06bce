"""Pictures as the frames of a JPEG object (PS3.5 A.4), one at a time in memory."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import IO

from PIL import Image

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
QUALITY = 92  # of Pillow: letters and thin lines show no fringes; about a tenth of the size of the picture
_PIXEL_DATA, _ITEM, _END = (0x7FE0, 0x0010), (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
_ENDLESS = 0xFFFFFFFF


@dataclass(frozen=True)
class JpegFrames:
    """Streams that stand in a file one behind the other.

    Attributes:
        size: (height, width) in pixels of all.
        lengths: of each stream, in bytes, even.
        sha256: of all.
    """

    size: tuple[int, int]
    lengths: tuple[int, ...]
    sha256: str

    @property
    def ratio(self) -> float:
        """How many times smaller they are than their pixels."""
        return 3 * self.size[0] * self.size[1] * len(self.lengths) / sum(self.lengths)

    @classmethod
    def of(cls, pictures: Sequence[Path], file: IO[bytes]) -> JpegFrames:
        """Write pictures into a file, each filled up with black, on its right and below, to the size of the largest.

        Raises:
            OSError: one cannot be read, or the file not be written.
        """
        sizes = [_size_of(picture) for picture in pictures]
        height, width = (max(sides) for sides in zip(*sizes, strict=True))
        size = height, width + width % 2  # a colour is of two pixels
        lengths, checksum = [], hashlib.sha256()
        for picture in pictures:
            stream = _stream(picture, size)
            checksum.update(stream)
            lengths.append(file.write(stream))
        return cls(size, tuple(lengths), checksum.hexdigest())


def _size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.height, image.width


def _stream(picture: Path, size: tuple[int, int]) -> bytes:
    """The stream of one picture, of even length, with half as many colours across as pixels (YBR_FULL_422)."""
    whole, stream = Image.new("RGB", (size[1], size[0])), BytesIO()
    with Image.open(picture) as image:
        whole.paste(image.convert("RGB"))
    whole.save(stream, "JPEG", quality=QUALITY, subsampling="4:2:2")
    return stream.getvalue() + b"\0" * (stream.tell() % 2)


def append_frames(path: Path, frames: JpegFrames, file: IO[bytes]) -> None:
    """Write streams as the Pixel Data (7FE0,0010) of an object that has been written without.

    Args:
        path: of the object, in explicit VR little endian as all compressed ones.
        frames: what stands in `file`.
        file: with the streams.
    """
    file.seek(0)
    starts = [0, *accumulate(length + 8 for length in frames.lengths[:-1])]
    offsets = starts if starts[-1] < _ENDLESS else []  # 32 bits; without them readers look for the frames themselves
    with path.open("ab") as whole:
        whole.write(struct.pack("<HH2sHI", *_PIXEL_DATA, b"OB", 0, _ENDLESS))
        whole.write(struct.pack(f"<HHI{len(offsets)}I", *_ITEM, 4 * len(offsets), *offsets))
        for length in frames.lengths:
            whole.write(struct.pack("<HHI", *_ITEM, length))
            whole.write(file.read(length))
        whole.write(struct.pack("<HHI", *_END, 0))
