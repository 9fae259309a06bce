"""Small ultrasound files for the tests, written with pydicom 2.4 or 3."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, generate_uid

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
JPEG, JPEG_2000, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
STAND_IN = "1.2.840.10008.1.2.4.102"  # written for a syntax that pydicom does not know, whose UID is as long
STILL, CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
NATIVE = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)
END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)  # of encapsulated pixel data, a sequence delimiter
SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"  # what pydicom's wheel carries; never a download
PATIENT_NAME = "Doe^Jane"


def marked(frames: int = 1, height: int = 24, width: int = 32, channels: int = 3) -> NDArray[np.uint8]:
    """Grey frames (time, height, width, channels) with a mark: the top right corner, 4 rows by 6 columns, is bright.

    With three channels the mark is orange, so that swapped channels show; frame n has the value 10 + n elsewhere.
    """
    pixels = np.empty((frames, height, width, channels), dtype=np.uint8)
    pixels[:] = (10 + np.arange(frames, dtype=np.uint8))[:, None, None, None]
    pixels[:, :4, -6:] = (250, 120, 30)[:channels]
    return pixels


def region(box: tuple[int, int, int, int], spacing_mm: tuple[float, float] | None = None, **attributes: Any) -> Dataset:
    """One 2-D tissue region (PS3.3 C.8.5.5); box (top, left, bottom, right), half-open, spacing (row, column)."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinY0, item.RegionLocationMinX0 = box[0], box[1]
    item.RegionLocationMaxY1, item.RegionLocationMaxX1 = box[2] - 1, box[3] - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3 if spacing_mm else 0
    row, column = spacing_mm or (0.0, 0.0)
    item.PhysicalDeltaY, item.PhysicalDeltaX = row / 10, column / 10
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def write_ultrasound(
    path: Path,
    pixels: NDArray[Any] | Sequence[bytes] | bytes | None,
    *,
    photometric: str = "RGB",
    spacing_mm: tuple[float, float] | None = None,
    transfer_syntax: str = EXPLICIT,
    regions: Sequence[Dataset] = (),
    frame_time_ms: float | None = None,
    planar: int = 0,
    meta: bool = True,
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """Write one ultrasound object and return its path.

    Args:
        path: where; the name is free.
        pixels: (time, height, width, channels) for native syntaxes, in the order they are to stand in the file; the
            streams of the frames for compressed ones; bytes are stored as they are; None leaves the pixels out.
        photometric: Photometric Interpretation.
        spacing_mm: (row, column); written as one 2-D region over the whole picture, beside `regions`.
        transfer_syntax: UID.
        regions: items of the Sequence of Ultrasound Regions.
        frame_time_ms: Frame Time; left out when None.
        planar: Planar Configuration; with 1, `pixels` are laid out so.
        meta: write preamble and meta header.
        attributes: set last, whatever stands above; a value None removes the attribute. Rows, Columns and
            NumberOfFrames go here when `pixels` are streams.
    """
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = STILL, generate_uid(), "US"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = PATIENT_NAME, "ID-4711", "19700131"
    dataset.PhotometricInterpretation = photometric
    dataset.SamplesPerPixel = 1 if photometric.startswith(("MONO", "PALETTE")) else 3
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = planar
    if isinstance(pixels, np.ndarray):
        _describe(dataset, pixels)
    if frame_time_ms is not None:
        dataset.FrameTime = frame_time_ms
    whole = [region((0, 0, dataset.Rows, dataset.Columns), spacing_mm)] if spacing_mm else []
    if whole or regions:
        dataset.SequenceOfUltrasoundRegions = [*whole, *regions]
    for keyword, value in (attributes or {}).items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)
    if pixels is not None:
        _store(dataset, pixels, planar, transfer_syntax)
    return write_dataset(path, dataset, transfer_syntax, meta=meta)


def write_dataset(path: Path, dataset: Dataset, transfer_syntax: str = EXPLICIT, *, meta: bool = True) -> Path:
    """Write a dataset as it is, valid or not."""
    known = transfer_syntax if UID(transfer_syntax).name != transfer_syntax else STAND_IN
    header = FileMetaDataset()
    header.MediaStorageSOPClassUID = dataset.get("SOPClassUID", STILL)
    header.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", generate_uid())
    header.TransferSyntaxUID = UID(known)
    file = FileDataset(str(path), dataset, file_meta=header if meta else None, preamble=b"\0" * 128 if meta else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom 3 deprecates what pydicom 2.4 needs
        file.is_implicit_VR, file.is_little_endian = transfer_syntax == IMPLICIT, transfer_syntax != BIG_ENDIAN
        dcmwrite(str(path), file)
    if known != transfer_syntax:
        path.write_bytes(path.read_bytes().replace(STAND_IN.encode(), transfer_syntax.encode(), 1))
    return path


def encapsulated(streams: Sequence[bytes], table: Sequence[int] | None = ()) -> bytes:
    """Encapsulated pixel data (PS3.5 A.4), one fragment per stream, with the basic offset table given.

    `table` None writes a correct table.
    """
    padded = [stream + b"\0" * (len(stream) % 2) for stream in streams]
    starts = np.cumsum([0, *(len(stream) + 8 for stream in padded)])[:-1]
    offsets = [int(start) for start in starts] if table is None else list(table)
    items = [struct.pack(f"<{len(offsets)}I", *offsets), *padded]
    body = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    return body + END


def write_like(name: str, path: Path, **attributes: Any) -> Path:
    """Copy one of pydicom's test files as ultrasound, with some attributes changed; its pixels stay as they are."""
    dataset = shipped(name)
    dataset.Modality = "US"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return write_dataset(path, dataset, dataset.file_meta.TransferSyntaxUID)


def shipped(name: str) -> FileDataset:
    """A test file that pydicom's wheel carries, in 2.4 as in 3."""
    return dcmread(SHIPPED / name)


def streams_of(dataset: Dataset) -> list[bytes]:
    """The fragments of an encapsulated dataset, one per frame, by hand."""
    data, position, found = dataset.PixelData, 0, []
    while position + 8 <= len(data):
        tag, length = struct.unpack("<II", data[position : position + 8])
        if tag == 0xE0DDFFFE:
            break
        found.append(data[position + 8 : position + 8 + length])
        position += 8 + length
    return found[1:]


def _describe(dataset: Dataset, pixels: NDArray[Any]) -> None:
    dataset.Rows, dataset.Columns = pixels.shape[1:3]
    if len(pixels) > 1:
        dataset.SOPClassUID, dataset.NumberOfFrames = CINE, len(pixels)
    if pixels.dtype.itemsize == 2:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15


def _store(dataset: Dataset, pixels: NDArray[Any] | Sequence[bytes] | bytes, planar: int, transfer_syntax: str) -> None:
    if isinstance(pixels, np.ndarray):
        ordered = pixels.transpose(0, 3, 1, 2) if planar else pixels
        data = ordered.astype(pixels.dtype.newbyteorder(">" if transfer_syntax == BIG_ENDIAN else "<")).tobytes()
    else:
        data = pixels if isinstance(pixels, bytes) else encapsulated(pixels)
    native = transfer_syntax in NATIVE
    data = data if native else data.removesuffix(END)  # pydicom writes one itself
    dataset.add_new(
        0x7FE00010, "OW" if dataset.BitsAllocated == 16 and native else "OB", data + b"\0" * (len(data) % 2)
    )
    dataset["PixelData"].is_undefined_length = not native
