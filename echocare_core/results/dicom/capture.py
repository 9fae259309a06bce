"""Overlays, and other pictures, as secondary capture, for archives and viewers that show neither segmentations nor
reports (PS3.3 A.8)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple, cast

from pydicom.dataset import Dataset

from echocare_core.results.dicom.codes import SOURCE_IMAGE, code_item
from echocare_core.results.dicom.common import Kind, describe
from echocare_core.results.dicom.content import reference_of
from echocare_core.results.dicom.jpeg import JPEG_BASELINE, JpegFrames, append_frames
from echocare_core.results.dicom.report import image_of
from echocare_core.results.dicom.said import Said
from echocare_core.results.dicom.source import Source
from echocare_core.results.dicom.uids import seal, uid_of, write_object
from echocare_core.results.table import Row
from echocare_core.types import BundleCard

# Modality OT: a program that looks for ultrasound, this one too, must not take a drawing for a picture of the patient.
OVERLAY = Kind("overlay", "OT", 3, "Overlay", alone=False)
STILL, CINE = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"  # the latter is of several frames in colour
_FRAME_TIME, _FRAME_TIME_VECTOR, _PAGE_NUMBERS = 0x00181063, 0x00181065, 0x00182001
_EVEN_MS = 1e-3  # steps that differ by no more are one step


class Captured(NamedTuple):
    """What pictures of a source are.

    Attributes:
        kind: of object.
        derivation: how they were made, in a sentence.
        spacing: (row, column) millimetres per pixel of the recorded frame, and its height in pixels; None for pictures
            that are not to scale.
    """

    kind: Kind
    derivation: str
    spacing: tuple[float, float, int] | None = None


class Drawn(NamedTuple):
    """The overlay, or another picture, of one frame.

    Attributes:
        picture: file of it.
        frame: 0-based number of the frame in its source; None where it stands for a cine.
        time_ms: when it was recorded; None where the source does not say.
    """

    picture: Path
    frame: int | None
    time_ms: float | None


def frames_of(said: Said, column: str) -> list[Drawn]:
    """The pictures that a column names of the frames of a file, in the order in which they were recorded, or that of
    the whole cine."""
    rows = [row for row in said.rows if row.get(column)]
    frames = sorted((row for row in rows if row["frame"] is not None), key=lambda row: cast(int, row["frame"]))
    return [
        Drawn(said.folder / str(row[column]), cast("int | None", row["frame"]), _time_of(row)) for row in frames or rows
    ]


def _time_of(row: Row) -> float | None:
    time_ms = row["frame_time_ms"]
    return time_ms if isinstance(time_ms, float) else None


def write_overlay(said: Said, path: Path) -> None:
    """Write the overlays of a file as one object; as `write_capture`."""
    drawing = f"What {said.card.name} {said.card.version} found, drawn on the picture. Not to scale."
    write_capture(path, frames_of(said, "overlay"), said.source, said.card, Captured(OVERLAY, drawing))


def write_capture(path: Path, drawn: Sequence[Drawn], source: Source, card: BundleCard, what: Captured) -> str:
    """Write pictures of one source as one object, of one frame or of several that play as the cine does.

    They are JPEG Baseline, which every viewer shows; one at a time is in memory. A picture that has fewer words below
    it than another is filled up with black.

    Args:
        path: of the object.
        drawn: one picture or more, in the order in which they are shown.
        source: that they are of.
        card: of the bundle that has made them.
        what: they are.

    Returns:
        SOP Instance UID.

    Raises:
        OSError: a picture cannot be read, or the object not be written.
    """
    with TemporaryFile(dir=path.parent) as file:
        frames = JpegFrames.of([one.picture for one in drawn], file)
        dataset = _described(drawn, frames, source, card, what)
        write_object(dataset, path, JPEG_BASELINE)
        append_frames(path, frames, file)
    return str(dataset.SOPInstanceUID)


def _described(drawn: Sequence[Drawn], frames: JpegFrames, source: Source, card: BundleCard, what: Captured) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = STILL if len(drawn) == 1 else CINE
    describe(dataset, what.kind, source, card)
    dataset.ConversionType, dataset.ImageType, dataset.Laterality = "WSD", ["DERIVED", "SECONDARY"], ""
    dataset.PatientOrientation = None
    dataset.DerivationDescription = what.derivation
    dataset.ImageComments = card.intended_use
    dataset.SourceImageSequence = [_drawn_from(drawn, source)]
    # Whether it names the patient: what we write does not, what the scanner has written may.
    dataset.BurnedInAnnotation = "NO" if source.dataset.get("BurnedInAnnotation") == "NO" else "YES"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "YBR_FULL_422", 0
    dataset.Rows, dataset.Columns = frames.size
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.LossyImageCompression, dataset.LossyImageCompressionMethod = "01", "ISO_10918_1"
    dataset.LossyImageCompressionRatio = f"{frames.ratio:.2f}"
    if what.spacing is not None:
        row_mm, column_mm, height = what.spacing
        dataset.PixelSpacing = [_decimal(side * height / frames.size[0]) for side in (row_mm, column_mm)]
    if len(drawn) > 1:
        dataset.NumberOfFrames = len(drawn)
        _set_times(dataset, [one.time_ms for one in drawn])
    seal(dataset)
    dataset.SOPInstanceUID = uid_of(what.kind.name, dataset.SOPInstanceUID, frames.sha256)
    return dataset


def _drawn_from(drawn: Sequence[Drawn], source: Source) -> Dataset:
    numbers = [one.frame for one in drawn if one.frame is not None]
    image = image_of(source)
    if "NumberOfFrames" in source.dataset and 0 < len(numbers) < source.frames:
        image = image._replace(frames=tuple(number + 1 for number in numbers))
    item = reference_of(image)
    item.PurposeOfReferenceCodeSequence = [code_item(SOURCE_IMAGE)]
    return item


def _set_times(dataset: Dataset, times_ms: Sequence[float | None]) -> None:
    """Say when the frames are shown (PS3.3 C.7.6.5); where the source does not, they are pages."""
    known = [time_ms for time_ms in times_ms if time_ms is not None]
    steps_ms = [later - earlier for earlier, later in pairwise(known)]
    if len(known) < len(times_ms) or min(steps_ms) <= 0:
        dataset.FrameIncrementPointer = _PAGE_NUMBERS
        dataset.PageNumberVector = list(range(1, len(times_ms) + 1))
    elif max(steps_ms) - min(steps_ms) <= _EVEN_MS:
        dataset.FrameIncrementPointer = _FRAME_TIME
        dataset.FrameTime = _decimal((known[-1] - known[0]) / len(steps_ms))
    else:
        dataset.FrameIncrementPointer = _FRAME_TIME_VECTOR
        dataset.FrameTimeVector = ["0", *map(_decimal, steps_ms)]


def _decimal(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
