"""What a JPEG stream says about itself (ISO 10918-1 B.1, B.2): its size, its components and its colour."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass

from PIL import Image

# Frame headers: SOF0 to SOF15 without DHT, JPG and DAC, which share their range, and SOF55 of JPEG-LS.
FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
SCAN, END, STUFFING = 0xDA, b"\xff\xd9", {0x01, *range(0xD0, 0xD9)}
BASELINE = {0xC0, 0xC1}  # Huffman-coded, in sequence
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # one that ends a scan (B.1.1.2): no stuffing, fill or restart
SPARE = b"\xff\x00" * 12  # bits that no Huffman code consists of (C.2): less than four blocks


@dataclass(frozen=True)
class JpegStream:
    """The headers of one JPEG stream.

    Attributes:
        size: (height, width) in pixels.
        bits: per sample.
        components: their ids, for example b"RGB" or bytes 1, 2, 3.
        adobe_transform: of its APP14 segment: 0 = not converted, 1 = YBR; None without that segment.
        jfif: it has a JFIF segment, which means YBR where there are three components.
    """

    size: tuple[int, int]
    bits: int
    components: bytes
    adobe_transform: int | None = None
    jfif: bool = False

    def colour(self, photometric: str) -> str:
        """What its three components are, "RGB" or "YBR_FULL": the stream is believed before the DICOM header."""
        if self.adobe_transform is not None:
            return "RGB" if self.adobe_transform == 0 else "YBR_FULL"
        if self.jfif:
            return "YBR_FULL"
        if self.components == b"RGB":
            return "RGB"
        return "YBR_FULL" if photometric.startswith("YBR") else "RGB"


def read_jpeg_stream(data: bytes) -> JpegStream:
    """Read the headers of a JPEG, JPEG lossless or JPEG-LS stream.

    Raises:
        ValueError: it is no such stream, or it is cut short.
    """
    size: tuple[int, int] | None = None
    bits, components, adobe, jfif = 8, b"", None, False
    for marker, start, end in _segments(data):
        if marker == 0xE0 and data[start : start + 5] == b"JFIF\0":
            jfif = True
        elif marker == 0xEE and data[start : start + 5] == b"Adobe" and end - start >= 12:
            adobe = data[start + 11]
        elif marker in FRAME_HEADERS and end - start >= 6:
            size = struct.unpack(">HH", data[start + 1 : start + 5])
            bits, components = data[start], data[start + 6 : end : 3]
        elif marker == SCAN and size is not None:
            if data.rfind(END) < end:
                raise ValueError("the stream is cut short")
            return JpegStream(size, bits, components, adobe, jfif)
    raise ValueError("the stream has no JPEG picture")


def check_holds_its_picture(data: bytes) -> None:
    """Find out whether a baseline stream codes every block of the size it claims.

    Decoders fill in what is missing and say nothing. One that is not told where the stream ends asks for more instead;
    so it reads the codes, at an eighth of the size, with a few spare bits in place of the end. Streams of several
    scans, of which each may be coarse, and those that are not of 8 bits are not looked at.

    Raises:
        ValueError: it ends early.
    """
    segments = _segments(data)
    frames = [
        (data[start], data[start + 5]) for marker, start, end in segments if marker in BASELINE and end <= len(data)
    ]
    marker, start, end = segments[-1] if segments else (0, 0, 0)
    if marker != SCAN or end > len(data) or frames != [(8, data[start])]:
        return
    found = MARKER.search(data, end)
    coded = data[: found.start()] if found else data.rstrip(b"\xff")
    try:
        image = Image.open(io.BytesIO(coded + SPARE), formats=["JPEG"])
    except (OSError, SyntaxError):
        return  # a kind that the decoder refuses in its own words
    with image:
        image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
        try:
            image.load()
        except OSError:
            raise ValueError("the stream is cut short: it holds fewer pixels than it claims") from None


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, start, end) of each segment's content up to the first scan."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("the stream does not begin like JPEG")
    found, position = [], 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF or marker in STUFFING:
            position += 1 if marker == 0xFF else 2
            continue
        end = position + 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
        found.append((marker, position + 4, end))
        if marker == SCAN:
            break
        position = end
    return found
