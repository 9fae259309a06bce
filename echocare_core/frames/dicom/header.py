"""The header of a DICOM object: the few attributes frames need, and where its pixel data stands in the file."""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.dicom.deflated import DEFLATED, read_meta, read_unpacked, unpacked
from echocare_core.frames.dicom.silence import suppress_warnings

# Only these are read, so no patient attribute is ever in memory, in a log or in an error; its UIDs stay out of
# logs and errors. (An inventory asks for a few more and hashes them at once: echocare_core/inventory/identity.py.)
_NAMES = """
    SOPClassUID StudyInstanceUID SeriesInstanceUID SOPInstanceUID
    Modality NumberOfFrames Rows Columns SamplesPerPixel PhotometricInterpretation PlanarConfiguration
    BitsAllocated BitsStored HighBit PixelRepresentation WindowCenter WindowWidth RescaleSlope RescaleIntercept
    ModalityLUTSequence VOILUTSequence
    SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit
    RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
    RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
    SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData
    SegmentedBluePaletteColorLookupTableData
    FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate FrameIncrementPointer
    RWaveTimeVector TriggerTime NominalInterval HeartRate PixelSpacing SequenceOfUltrasoundRegions
    ExtendedOffsetTable DirectoryRecordSequence
"""
ATTRIBUTES = _NAMES.split()
DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory, which stands in the meta header
MALFORMED = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError, OverflowError),
    *(struct.error, BytesLengthException, EOFError, OSError, RecursionError),
)
UNPARSABLE = (*MALFORMED, InvalidDicomError, MemoryError, zlib.error)
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
STRAY = (b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xff\xfe\xe0\x0d\0\0\0\0")  # in little and in big endian
CODE_OR_UID, UID_ALONE = re.compile("[A-Z0-9_ ]{1,16}|[0-9.]{1,64}"), re.compile("[0-9.]{1,64}")


@dataclass(frozen=True)
class PixelData:
    """Where the value of Pixel Data (7FE0,0010) stands.

    Attributes:
        path: the file.
        start: offset in bytes of its first byte, in what the object unpacks to when `deflated`.
        length: in bytes, as the element says; None = undefined, which means encapsulated (PS3.5 A.4).
        available: bytes the file really holds from `start` on.
        big_endian: byte order of the object.
        words: the value was written as 16-bit words (VR OW).
        deflated: the object is compressed as a whole (PS3.5 A.5).
    """

    path: Path
    start: int
    length: int | None
    available: int
    big_endian: bool = False
    words: bool = False
    deflated: bool = False

    def read(self, offset: int, length: int) -> NDArray[np.uint8]:
        """Read `length` bytes from `offset` bytes after the start into a new array; fewer at the end of the file.

        Raises:
            OSError: the file is gone.
        """
        if self.deflated:
            return read_unpacked(self.path, stamp_of(self.path), self.start + offset, length)
        return np.fromfile(self.path, np.uint8, length, offset=self.start + offset)


@dataclass(frozen=True)
class Header:
    """A DICOM object without its pixels.

    Attributes:
        path: the file.
        dataset: the attributes named in `ATTRIBUTES`, and those that were asked for, as far as the object has them.
        sop_class: SOP Class UID, "" where the object names none.
        transfer_syntax: UID, None where the object names none.
        pixel_data: where its pixels stand, None where it has none.
    """

    path: Path
    dataset: Dataset
    sop_class: str
    transfer_syntax: str | None
    pixel_data: PixelData | None


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file that begins with these bytes (132 at least) is plausibly DICOM (PS3.10 7.1), preamble or not."""
    if head[128:132] == b"DICM":
        return True
    order = {b"\x02\x00": "<", b"\x08\x00": "<", b"\x00\x08": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return False
    element, length = struct.unpack(order + "2xHI", head[:8])
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return element <= 0x0120 and (explicit or (order == "<" and length <= 1024))


def read_header(path: Path, also: Sequence[str] = ()) -> Header:
    """Read the header of a DICOM object; its pixels stay in the file.

    Args:
        path: the file.
        also: keywords of attributes to read besides `ATTRIBUTES`.

    Raises:
        UnreadableFrames: the file cannot be parsed as DICOM.
    """
    try:
        with path.open("rb") as file, suppress_warnings():
            start = file.read(512)
            if DIRECTORY.encode() in start:  # its records are never needed, and may name patients
                return Header(path, Dataset(), DIRECTORY, None, None)
            meta, names = read_meta(file), [*ATTRIBUTES, *also]
            syntax = text(meta, "TransferSyntaxUID") or None
            file.seek(0)
            deflated = syntax == DEFLATED
            with unpacked(path, stamp_of(path)) if deflated else nullcontext(file) as body:
                if deflated:
                    dataset = _read_elements(body, names)
                else:
                    dataset = dcmread(body, stop_before_pixels=True, force=True, specific_tags=list(names))
                read_on(body, dataset, names)
                pixel_data = _pixels_at(body, path, deflated=deflated)
    except UNPARSABLE as fault:
        # The fault's own text may quote a value of the file, so it is not repeated.
        raise UnreadableFrames(
            path, f"begins like DICOM but cannot be parsed ({type(fault).__name__}). Export it again."
        ) from None
    sop_class = text(dataset, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID")
    return Header(path, dataset, sop_class, syntax, pixel_data)


def value(dataset: Dataset, keyword: str) -> Any:
    """An attribute's value; None where it is absent, empty or not what its VR allows."""
    try:
        with suppress_warnings():
            found = dataset.get(keyword)
        return None if found is None or (hasattr(found, "__len__") and len(found) == 0) else found
    except MALFORMED:
        return None


def text(dataset: Dataset, keyword: str) -> str:
    """A code or UID without padding; "" where there is none, or where damage put other text in its place."""
    found = value(dataset, keyword)
    stripped = found.strip(" \0") if isinstance(found, str) else ""
    return stripped if CODE_OR_UID.fullmatch(stripped) else ""


def uid(dataset: Dataset, keyword: str) -> str:
    """A UID without padding; "" where there is none, or where damage put other text in its place."""
    found = text(dataset, keyword)
    return found if UID_ALONE.fullmatch(found) else ""


def name_of(uid: str) -> str:
    """The name of a UID in PS3.6 A, the UID itself where pydicom knows none."""
    with suppress_warnings():
        return str(UID(uid).name) if uid else ""


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values of a numeric attribute; empty where it has none or one of them is no finite number."""
    found = value(dataset, keyword)
    if found is None or isinstance(found, bytes):
        return ()
    try:
        many = [found] if isinstance(found, (str, int, float)) or not hasattr(found, "__iter__") else list(found)
        values = tuple(float(one) for one in many)
    except MALFORMED:
        return ()
    return values if all(math.isfinite(one) for one in values) else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a numeric attribute, None where it has none."""
    return next(iter(numbers(dataset, keyword)), None)


def read_on(file: BinaryIO, dataset: Dataset, keywords: Sequence[str] | None = None) -> None:
    """Read what stands behind a stray Item Delimitation Item (FFFE,E00D) at top level, where pydicom 3 stops.

    Args:
        file: where `dcmread(..., stop_before_pixels=True)` left it.
        dataset: what was read; the rest is added to it.
        keywords: of the attributes to read; all when None.
    """
    read_to = 0
    while file.tell() > max(read_to, 8):
        read_to = file.tell()
        file.seek(-8, 1)
        mark = file.read(8)
        if mark in STRAY:
            dataset.update(_read_elements(file, keywords, little_endian=mark == STRAY[0]))


def _read_elements(file: BinaryIO, keywords: Sequence[str] | None, *, little_endian: bool = True) -> Dataset:
    """The elements of explicit VR from here to the pixels, of some keywords or all."""
    tags = None if keywords is None else [Tag(name) for name in keywords]
    stop = {"stop_when": lambda tag, *_: tag in PIXELS}
    return read_dataset(file, False, little_endian, specific_tags=tags, **stop)


def _pixels_at(file: BinaryIO, path: Path, *, deflated: bool = False) -> PixelData | None:
    """The Pixel Data element that begins here, with implicit or explicit VR (PS3.5 7.1); None where none does."""
    head = file.read(12)
    if head[:4] not in (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10") or len(head) < 8:
        return None
    big_endian = head[:2] == b"\x7f\xe0"
    explicit = head[4:6] in (b"OB", b"OW", b"UN")
    start = file.tell() - len(head) + (12 if explicit else 8)
    (length,) = struct.unpack(">I" if big_endian else "<I", head[8:12] if explicit else head[4:8])
    available = max(file.seek(0, 2) - start, 0)
    words, known = head[4:6] == b"OW", None if length == 0xFFFFFFFF else length
    return PixelData(path, start, known, available, big_endian, words, deflated)


def stamp_of(path: Path) -> tuple[int, int]:
    """What changes when a file is written again, so that nothing kept of it outlives it.

    Raises:
        OSError: the file is gone.
    """
    state = path.stat()
    return state.st_mtime_ns, state.st_size
