"""Ultrasound DICOM objects for the demo export: US Image, US Multi-frame Image, Basic Text SR (PS3.3 A.6, A.7, A.35.1).

Everything in them is fixed, identifiers included, so that writing the same pictures twice gives the same bytes.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import UID

from echocare_core.types import Region

EXPLICIT, JPEG, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"
STILL, CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
TEXT_REPORT = "1.2.840.10008.5.1.4.1.1.88.11"
DATE, TIME = "20240102", "101500"
QUALITY = 90
_NAMESPACE = uuid.UUID("6f1c1a52-2f0e-5d8b-9a34-0e6c7b1d5e90")  # any fixed one will do


@dataclass(frozen=True)
class Study:
    """What the objects of one study share.

    Attributes:
        number: of the study in the export, from 1.
        part: what was scanned: "BREAST" or "FETAL".
        description: Study Description (0008,1030).
    """

    number: int
    part: str
    description: str


@dataclass(frozen=True)
class Storage:
    """One way to store pixels.

    Attributes:
        transfer_syntax: UID.
        photometric: Photometric Interpretation.
        planar: Planar Configuration; None for grey pixels, which have none.
        streams: turns uint8 RGB (height, width, 3) into the bytes of one frame.
    """

    transfer_syntax: str
    photometric: str
    planar: int | None
    streams: Callable[[NDArray[np.uint8]], bytes]


def image_object(
    study: Study,
    series: int,
    instance: int,
    frames: NDArray[np.uint8],
    storage: Storage,
    *,
    region: Region | None,
    comment: str,
    frame_time_ms: float | None = None,
) -> FileDataset:
    """Make a still or, with a frame time, a cine.

    Args:
        study: it belongs to.
        series: number of the series in the study.
        instance: number of the object in the series.
        frames: uint8 RGB (time, height, width, 3).
        storage: how to store them.
        region: where the scan stands in the picture; without a length where it has no spacing. None leaves it out.
        comment: where the picture comes from.
        frame_time_ms: milliseconds between frames; None for a still.
    """
    sop_class = STILL if frame_time_ms is None else CINE
    dataset = _common(study, series, instance, sop_class)
    dataset.Modality = "US"
    dataset.SeriesDescription = "B-mode still" if frame_time_ms is None else "Simulated sweep of one real still"
    dataset.Laterality, dataset.PatientOrientation = "", ""
    dataset.ImageType = ["DERIVED", "PRIMARY", "BREAST" if study.part == "BREAST" else "OBSTETRICAL", "0001"]
    dataset.ImageComments = comment
    dataset.DerivationDescription = "Openly licensed image, scaled and written as DICOM for a software demonstration"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "01"
    if frame_time_ms is not None:
        dataset.NumberOfFrames, dataset.FrameTime = len(frames), frame_time_ms
        dataset.FrameIncrementPointer = Tag("FrameTime")
    if region:
        dataset.SequenceOfUltrasoundRegions = [_region_item(region)]
    _store(dataset, frames, storage)
    return _file(dataset, storage.transfer_syntax)


def text_report(study: Study, series: int, instance: int, finding: str) -> FileDataset:
    """Make a Basic Text SR that says one sentence."""
    dataset = _common(study, series, instance, TEXT_REPORT)
    dataset.Modality, dataset.SeriesDescription = "SR", "Report"
    dataset.ReferencedPerformedProcedureStepSequence, dataset.PerformedProcedureCodeSequence = [], []
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [_code("18748-4", "LN", "Diagnostic Imaging Report")]
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", finding
    item.ConceptNameCodeSequence = [_code("121071", "DCM", "Finding")]
    dataset.ContentSequence = [item]
    return _file(dataset, EXPLICIT)


def save(file: FileDataset, path: Path) -> None:
    """Write an object with preamble and meta header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(str(path), file)


def _common(study: Study, series: int, instance: int, sop_class: str) -> Dataset:
    """Patient, study, series and equipment (PS3.3 C.7.1 to C.7.5); type 2 attributes without a value are empty."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = _uid("instance", study.number, series, instance)
    dataset.StudyInstanceUID = _uid("study", study.number)
    dataset.SeriesInstanceUID = _uid("series", study.number, series)
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = TIME
    dataset.PatientName, dataset.PatientID = f"DEMO^{study.part}", f"DEMO-{study.number:03}"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.ReferringPhysicianName = ""
    dataset.AccessionNumber, dataset.StudyID, dataset.StudyDescription = "", f"{study.number}", study.description
    dataset.SeriesNumber, dataset.InstanceNumber = series, instance
    dataset.Manufacturer, dataset.ManufacturerModelName = "EchoCare demo", "No scanner"
    return dataset


def _region_item(region: Region) -> Dataset:
    """PS3.3 C.8.5.5: bounds are the first and last pixel, lengths are centimetres (unit code 3; 0 = none)."""
    item = Dataset()
    top, left, bottom, right = region.box
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right - 1, bottom - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3 if region.spacing_mm else 0
    row_mm, column_mm = region.spacing_mm or (0.0, 0.0)
    item.PhysicalDeltaX, item.PhysicalDeltaY = column_mm / 10, row_mm / 10
    return item


def _store(dataset: Dataset, frames: NDArray[np.uint8], storage: Storage) -> None:
    """The Image Pixel module (PS3.3 C.7.6.3)."""
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.PhotometricInterpretation = storage.photometric
    dataset.SamplesPerPixel = 1 if storage.planar is None else 3
    if storage.planar is not None:
        dataset.PlanarConfiguration = storage.planar
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    streams = [storage.streams(frame) for frame in frames]
    compressed = storage.transfer_syntax != EXPLICIT
    data = encapsulate(streams) if compressed else b"".join(streams)
    dataset.add_new(0x7FE00010, "OB", data + b"\0" * (len(data) % 2))
    dataset["PixelData"].is_undefined_length = compressed
    if storage.transfer_syntax == JPEG:
        dataset.LossyImageCompressionMethod = "ISO_10918_1"
        ratio = frames.size / 3 * dataset.SamplesPerPixel / sum(map(len, streams))
        dataset.LossyImageCompressionRatio = f"{ratio:.1f}"


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(frame).convert("L"))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Baseline JPEG; colour as YBR_FULL_422, two pixels to one pair of colour samples."""
    stream = io.BytesIO()
    colour = {"subsampling": "4:2:2"} if picture.ndim == 3 else {}
    Image.fromarray(picture).save(stream, "JPEG", quality=QUALITY, **colour)
    return stream.getvalue()


def _run_lengths(picture: NDArray[np.uint8]) -> bytes:
    """One RLE segment of a grey picture, packed row by row (PS3.5 G)."""
    segment = b"".join(_pack_bits(row.tobytes()) for row in picture)
    header = np.array([1, 64, *[0] * 14], dtype="<u4").tobytes()
    return header + segment + b"\0" * (len(segment) % 2)


def _pack_bits(row: bytes) -> bytes:
    """Runs of three and more as (257 - n, value), what lies between as (n - 1, values) (PS3.5 G.3.1)."""
    packed, literal, position = bytearray(), bytearray(), 0
    while position < len(row):
        run = 1
        while run < 128 and row[position : position + 1] == row[position + run : position + run + 1]:
            run += 1
        if run > 2 or len(literal) == 128:
            packed += _literal(literal)
            literal.clear()
        if run > 2:
            packed += bytes((257 - run, row[position]))
            position += run
        else:
            literal.append(row[position])
            position += 1
    return bytes(packed + _literal(literal))


def _literal(values: bytearray) -> bytes:
    return bytes((len(values) - 1, *values)) if values else b""


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _uid(*name: object) -> UID:
    """A UID from a name, always the same (PS3.5 B.2)."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, name))).int}")


def _file(dataset: Dataset, transfer_syntax: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength, meta.FileMetaInformationVersion = 0, b"\0\1"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID, meta.ImplementationVersionName = _uid("implementation"), "ECHOCARE_DEMO"
    return FileDataset(None, dataset, b"\0" * 128, meta, is_implicit_VR=False, is_little_endian=True)


COLOUR_JPEG = Storage(JPEG, "YBR_FULL_422", 0, _jpeg)
GREY_JPEG = Storage(JPEG, "MONOCHROME2", None, lambda frame: _jpeg(_grey(frame)))
GREY_RLE = Storage(RLE, "MONOCHROME2", None, lambda frame: _run_lengths(_grey(frame)))
GREY_NATIVE = Storage(EXPLICIT, "MONOCHROME2", None, lambda frame: _grey(frame).tobytes())
PLANAR_NATIVE = Storage(EXPLICIT, "RGB", 1, lambda frame: frame.transpose(2, 0, 1).tobytes())
