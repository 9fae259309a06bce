"""Masks as a DICOM Segmentation (PS3.3 A.51, C.8.20): of a still, or of the frames of a cine in one object.

highdicom makes none of a cine whose frames have no place in space, which is every 2-D ultrasound loop. Its frames are
told apart by their position in time instead.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import format_number_as_ds

from echocare_core.results.dicom.bits import pack
from echocare_core.results.dicom.codes import SOURCE_IMAGE, code_item, label_codes
from echocare_core.results.dicom.colour import cielab_of
from echocare_core.results.dicom.common import Kind, algorithm, describe
from echocare_core.results.dicom.lossy import ATTRIBUTES as LOSSY
from echocare_core.results.dicom.said import NoObject, Said
from echocare_core.results.dicom.source import Source
from echocare_core.results.dicom.uids import uid_of
from echocare_core.results.overlay.canvas import colour_of
from echocare_core.types import BundleCard, Code

SEG = Kind("seg", "SEG", 1, "Segmentation")
SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"  # Segmentation Storage
SEGMENTATION = Code("113076", "DCM", "Segmentation")
_LONGEST = 64  # characters of a VR LO
_SEGMENT = (Tag("ReferencedSegmentNumber"), Tag("SegmentIdentificationSequence"), "Segment")
_TIME = (Tag("TemporalPositionIndex"), Tag("FrameContentSequence"), "Frame of the cine")


class _Plane(NamedTuple):
    """Where one label was found in one frame.

    Attributes:
        label: its value in the mask.
        frame: 0-based number of the frame in the source.
        bits: uint8, its pixels packed.
    """

    label: int
    frame: int
    bits: NDArray[np.uint8]


def build_seg(said: Said) -> Dataset:
    """Make the segmentation of a file.

    Each label is a segment; each frame in which it was found is a frame of the object and names that of the source.

    Args:
        said: what was said of the frames of a file that have masks.

    Returns:
        The object, without its UID.

    Raises:
        NoObject: nothing was found in any frame, or a mask has not the pixels of the stored frame.
    """
    labels = _labels(said)
    planes = sorted(_planes(said, labels), key=lambda plane: plane[:2])
    if not planes:
        raise NoObject("nothing was found in any frame.")
    dataset = Dataset()
    describe(dataset, SEG, said.source, said.card)
    _describe_image(dataset, said, len(planes))
    segments = {value: number for number, value in enumerate(labels, start=1)}
    dataset.SegmentSequence = [_segment(said.card, segments[value], name) for value, name in labels.items()]
    _set_dimensions(dataset, said.source)
    _set_references(dataset, said.source)
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(said)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame_groups(said.source, segments[plane.label], plane.frame) for plane in planes
    ]
    height, width = said.source.size
    dataset.PixelData = pack(np.unpackbits(plane.bits, count=height * width).astype(bool) for plane in planes)
    dataset["PixelData"].VR = "OB"
    return dataset


def _labels(said: Said) -> dict[int, str]:
    """Value and name of every label, also of those that were found nowhere."""
    return dict(sorted({value: name for one in said.details for value, name in one.labels.items()}.items()))


def _planes(said: Said, labels: Container[int]) -> list[_Plane]:
    found = []
    for row in said.rows:
        mask, frame = said.read_mask(row), cast(int, row["frame"])
        found += [
            _Plane(value, frame, np.packbits(mask == value)) for value in np.unique(mask).tolist() if value in labels
        ]
    return found


def _describe_image(dataset: Dataset, said: Said, frames: int) -> None:
    dataset.SOPClassUID = SOP_CLASS
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.PatientOrientation = None
    dataset.ContentLabel, dataset.ContentDescription = "SEGMENTATION", said.card.title[:_LONGEST]
    dataset.ContentCreatorName = None
    dataset.SegmentationType, dataset.SegmentsOverlap = "BINARY", "NO"
    dataset.Rows, dataset.Columns = said.source.size
    dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    dataset.update({one.tag: one for one in said.source.dataset if one.keyword in LOSSY})


def _segment(card: BundleCard, number: int, name: str) -> Dataset:
    """One label (PS3.3 C.8.20.4)."""
    item = Dataset()
    category, kind = label_codes(card, name)
    item.SegmentNumber, item.SegmentLabel = number, name[:_LONGEST]
    item.SegmentAlgorithmType, item.SegmentAlgorithmName = "AUTOMATIC", card.name
    item.SegmentationAlgorithmIdentificationSequence = [algorithm(card)]
    item.SegmentedPropertyCategoryCodeSequence = [code_item(category)]
    item.SegmentedPropertyTypeCodeSequence = [code_item(kind)]
    item.RecommendedDisplayCIELabValue = cielab_of(colour_of(number))
    return item


def _set_dimensions(dataset: Dataset, source: Source) -> None:
    """By what frames are told apart (PS3.3 C.7.6.17): their segment, and of a cine their position in time."""
    organization = uid_of("dimensions", dataset.SeriesInstanceUID)
    dataset.DimensionOrganizationSequence = [Dataset()]
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    dimensions = (_SEGMENT, _TIME) if source.frames > 1 else (_SEGMENT,)
    dataset.DimensionIndexSequence = [_dimension(organization, *one) for one in dimensions]


def _dimension(organization: str, index: BaseTag, group: BaseTag, name: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID, item.DimensionDescriptionLabel = organization, name
    item.DimensionIndexPointer, item.FunctionalGroupPointer = index, group
    return item


def _set_references(dataset: Dataset, source: Source) -> None:
    """The object that all of it is about (PS3.3 C.12.2)."""
    series = Dataset()
    series.SeriesInstanceUID = source.dataset.SeriesInstanceUID
    series.ReferencedInstanceSequence = [_reference(source)]
    dataset.ReferencedSeriesSequence = [series]


def _reference(source: Source) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = source.dataset.SOPInstanceUID
    return item


def _shared_groups(said: Said) -> Dataset:
    """What is the same in all frames: how the picture lies, and how large its pixels are where that is known.

    Rows run along x and columns along y of a plane of its own. Without a Frame of Reference it has no place in the
    patient; readers that know volumes alone need it nevertheless.
    """
    shared, orientation = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = [orientation]
    if said.spacing_mm is not None:
        measures = Dataset()
        measures.PixelSpacing = [format_number_as_ds(one) for one in said.spacing_mm]
        measures.SliceThickness = measures.SpacingBetweenSlices = 1
        shared.PixelMeasuresSequence = [measures]
    return shared


def _frame_groups(source: Source, segment: int, frame: int) -> Dataset:
    """What one frame is about (PS3.3 C.7.6.16): its segment, and the frame of the source that it was found in."""
    groups, content, derivation, position, identification = (Dataset() for _ in range(5))
    content.DimensionIndexValues = [segment]
    image = _reference(source)
    if source.frames > 1:
        content.DimensionIndexValues = [segment, frame + 1]
        content.TemporalPositionIndex = frame + 1
        image.ReferencedFrameNumber = frame + 1
    image.SpatialLocationsPreserved = "YES"
    image.PurposeOfReferenceCodeSequence = [code_item(SOURCE_IMAGE)]
    derivation.SourceImageSequence = [image]
    derivation.DerivationCodeSequence = [code_item(SEGMENTATION)]
    position.ImagePositionPatient = [0, 0, frame]
    identification.ReferencedSegmentNumber = segment
    groups.FrameContentSequence, groups.DerivationImageSequence = [content], [derivation]
    groups.PlanePositionSequence, groups.SegmentIdentificationSequence = [position], [identification]
    return groups
