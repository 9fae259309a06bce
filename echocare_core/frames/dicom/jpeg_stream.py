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
BASELINE, HUFFMAN = {0xC0, 0xC1}, {0xC0, 0xC1, 0xC2}  # in sequence; and also in steps, which is progressive
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
    """Find out whether a Huffman-coded stream of 8 bits codes every block of the size it claims.

    Decoders fill in what is missing and say nothing. One that is not told where a stream of one scan ends asks for more
    instead; so it reads the codes, at an eighth of the size, with a few spare bits in place of the end. Of several
    scans, of which each may be coarse, only what no stream can do is found: less than a bit for a block in the first.

    Raises:
        ValueError: it ends early.
    """
    segments = _segments(data)
    frames = [start for marker, start, end in segments if marker in HUFFMAN and start + 9 <= end <= len(data)]
    marker, scan, end = segments[-1] if segments else (0, 0, 0)
    if marker != SCAN or end > len(data) or len(frames) != 1 or data[frames[0]] != 8:
        return
    found = MARKER.search(data, end)
    coded = data[: found.start()] if found else data.rstrip(b"\xff")
    one_scan = data[frames[0] - 3] in BASELINE and data[frames[0] + 5] == data[scan]
    if not (_is_decoded(coded) if one_scan else _has_bits(data, frames[0], data[scan], len(coded) - end)):
        raise ValueError("the stream is cut short: it holds fewer pixels than it claims")


def _is_decoded(coded: bytes) -> bool:
    """Whether a decoder finds all blocks before the end."""
    try:
        image = Image.open(io.BytesIO(coded + SPARE), formats=["JPEG"])
    except (OSError, SyntaxError):
        return True  # a kind that the decoder refuses in its own words
    with image:
        image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
        try:
            image.load()
        except OSError:
            return False
    return True


def _has_bits(data: bytes, frame: int, components: int, coded: int) -> bool:
    """Whether so many bytes can be the first scan of a frame: each of its components has a bit at least in each MCU."""
    height, width = struct.unpack(">HH", data[frame + 1 : frame + 5])
    factors = [data[frame + 7 + 3 * number] for number in range(data[frame + 5])]
    across, down = max(one >> 4 for one in factors), max(one & 15 for one in factors)
    return 8 * coded >= components * (height // (8 * max(down, 1))) * (width // (8 * max(across, 1)))


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
