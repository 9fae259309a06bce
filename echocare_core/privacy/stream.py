"""The parts of a copy as they stand in its file: the header, then one element with the frames."""

from __future__ import annotations

import struct
from typing import BinaryIO

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID

from echocare_core.errors import PixelDataError

LARGEST = 0xFFFFFFFE  # bytes that native pixel data may have (PS3.5 7.1)


def write_header(file: BinaryIO, header: Dataset, syntax: str) -> None:
    """Write preamble, meta header (PS3.10 7.1) and data set of a copy, explicit VR little endian.

    Args:
        file: new, at its start.
        header: without Pixel Data.
        syntax: UID of the transfer syntax of the pixels that follow.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength, meta.FileMetaInformationVersion = 0, b"\0\1"  # pydicom counts, if it is there
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = UID(syntax), PYDICOM_IMPLEMENTATION_UID
    whole = FileDataset(None, header, preamble=b"\0" * 128, file_meta=meta)
    whole.is_implicit_VR, whole.is_little_endian = False, True
    dcmwrite(file, whole)


class NativePixels:
    """The value of native Pixel Data (PS3.5 8.1)."""

    def __init__(self, file: BinaryIO, length: int, bits: int) -> None:
        if length > LARGEST:
            raise PixelDataError("would have more than 4 GB of pixels. Export it in parts.")
        self._file, self._odd = file, length % 2
        file.write(struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OB" if bits == 8 else b"OW", length + self._odd))

    def write(self, frame: bytes) -> None:
        """Add a frame."""
        self._file.write(frame)

    def close(self) -> None:
        """End the element."""
        self._file.write(b"\0" * self._odd)


class EncapsulatedPixels:
    """The items of compressed Pixel Data, one to a frame, with a basic offset table (PS3.5 A.4)."""

    def __init__(self, file: BinaryIO, frames: int) -> None:
        self._file, self._offsets = file, []  # type: tuple[BinaryIO, list[int]]
        file.write(struct.pack("<HH2s2xI", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF))
        file.write(struct.pack("<HHI", 0xFFFE, 0xE000, 4 * frames))
        self._table = file.tell()
        file.write(b"\0" * 4 * frames)
        self._first = file.tell()

    def write(self, frame: bytes) -> None:
        """Add a frame."""
        self._offsets.append(self._file.tell() - self._first)
        odd = len(frame) % 2
        self._file.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(frame) + odd))
        self._file.write(frame + b"\0" * odd)

    def close(self) -> None:
        """End the element; raises PixelDataError where it is larger than one may be."""
        self._file.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
        if self._offsets[-1] > LARGEST:
            raise PixelDataError("would have more than 4 GB of pixels. Export it in parts.")
        self._file.seek(self._table)
        self._file.write(struct.pack(f"<{len(self._offsets)}I", *self._offsets))
