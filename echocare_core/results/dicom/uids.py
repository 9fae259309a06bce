"""UIDs of objects, made from what is in them so that the same result has the same everywhere; and their files."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pydicom
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from echocare_core.frames.dicom.silence import suppress_warnings

_IMPLEMENTATION = "2.25.144344877949348802780454792901537839943"  # of this package, drawn once (PS3.7 D.3.3.2)
_OLD_PYDICOM = int(pydicom.__version__.split(".")[0]) < 3


def uid_of(*parts: str) -> str:
    """A UID below 2.25 (PS3.5 B.2) that is always the same for the same parts, and another for others."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return _uid_of_digest(digest)


def seal(dataset: Dataset) -> Dataset:
    """Give an object the SOP Instance UID (0008,0018) of its content, once nothing in it will change any more.

    Two objects with one UID are equal byte by byte, so that storing one of them again doubles and changes nothing.
    """
    checksum = _Checksum()
    with suppress_warnings():
        dataset.SOPInstanceUID = "2.25.0"
        _name_character_set(dataset)
        file: Any = DicomFileLike(checksum)
        file.is_implicit_VR, file.is_little_endian = False, True
        write_dataset(file, dataset)
    dataset.SOPInstanceUID = _uid_of_digest(checksum.sha256.digest())
    return dataset


def write_object(dataset: Dataset, path: Path, transfer_syntax: str = ExplicitVRLittleEndian) -> None:
    """Write a sealed object as a DICOM file, explicit VR little endian, with preamble and meta header.

    Args:
        dataset: its Pixel Data, where it has some, native.
        path: of the file.
        transfer_syntax: UID of the one of its pixels where these are compressed, and are appended to the file.

    Raises:
        OSError: it cannot be written.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = UID(transfer_syntax), UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = "ECHOCARE_OPEN"
    file = FileDataset(str(path), dataset, preamble=b"\0" * 128, file_meta=meta)
    with suppress_warnings():
        if _OLD_PYDICOM:
            file.is_implicit_VR, file.is_little_endian = False, True
            dcmwrite(str(path), file, write_like_original=False)
        else:
            dcmwrite(str(path), file, enforce_file_format=True, implicit_vr=False, little_endian=True)


def _name_character_set(dataset: Dataset) -> None:
    """Name UTF-8 where a text needs it, and nothing where ASCII is enough (PS3.3 C.12.1.1.2)."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    if all(one.VR == "SQ" or isinstance(one.value, bytes) or str(one.value).isascii() for one in dataset.iterall()):
        del dataset.SpecificCharacterSet


class _Checksum:
    """A file that keeps nothing but the checksum of what is written to it."""

    name = ""

    def __init__(self) -> None:
        self.sha256, self._length = hashlib.sha256(), 0

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        self._length += len(content)
        return len(content)

    def tell(self) -> int:
        return self._length

    def seek(self, *_: int) -> int:
        raise OSError("only written to")

    def read(self, *_: int) -> bytes:
        raise OSError("only written to")

    def close(self) -> None:
        """There is nothing to close."""


def _uid_of_digest(digest: bytes) -> str:
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"
