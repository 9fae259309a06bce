"""A structured report of a study: what one bundle says of its images (PS3.16 TID 1500, Measurement Report)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydicom.dataset import Dataset

from echocare_core.results.dicom.common import Kind, describe
from echocare_core.results.dicom.content import (
    ACQUIRED,
    CONTAINS,
    MODIFIER,
    ImageReference,
    answer_item,
    container,
    image_item,
    reference_of,
    text_item,
)
from echocare_core.results.dicom.findings import COMMENT, SOURCE, Groups, Statement
from echocare_core.results.dicom.observer import algorithm_items, observer_items
from echocare_core.results.dicom.said import NoObject
from echocare_core.results.dicom.source import Source
from echocare_core.results.dicom.uids import seal
from echocare_core.types import BundleCard, Code, Origin

REPORT = Kind("sr", "SR", 2, "Measurements")
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"  # Comprehensive 3D adds places in space, which frames have none of
TITLE = Code("126000", "DCM", "Imaging Measurement Report")  # by which viewers know a TID 1500
MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
LIBRARY, LIBRARY_GROUP = Code("111028", "DCM", "Image Library"), Code("126200", "DCM", "Image Library Group")
_LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
_ENGLISH = Code("en-US", "RFC5646", "English (United States)")
_PROCEDURE, _ULTRASONOGRAPHY = Code("121058", "DCM", "Procedure reported"), Code("16310003", "SCT", "Ultrasonography")
_MODALITY, _ULTRASOUND = Code("121139", "DCM", "Modality"), Code("US", "DCM", "Ultrasound")
Evidence = Mapping[str, Iterable[ImageReference]]  # Series Instance UID -> its images


def image_of(source: Source, frame: int | None = None) -> ImageReference:
    """A source, or one frame of it (0-based); a still has no frame numbers."""
    numbers = () if frame is None or "NumberOfFrames" not in source.dataset else (frame + 1,)
    return ImageReference(source.dataset.SOPClassUID, source.dataset.SOPInstanceUID, numbers)


def build_report(
    sources: Sequence[Source], said: Iterable[Statement], card: BundleCard, origin: Origin | None, segmented: Evidence
) -> Dataset:
    """The report of one study, one for all of its images: a reader opens one document, and viewers that show the last
    report of a series show all of it.

    No person has looked at it, so it is partial, preliminary and not verified (PS3.3 C.17.2).

    Args:
        sources: images of one study that it is about.
        said: what the bundle says of them, in the order of the rows.
        card: of the bundle.
        origin: how the results were made; None where that is not known.
        segmented: the segmentation objects that `said` refers to.

    Returns:
        A Comprehensive SR (PS3.3 A.35.3), sealed.

    Raises:
        NoObject: nothing is said that a report has a place for.
    """
    dataset = Dataset()
    dataset.SOPClassUID = COMPREHENSIVE_SR
    describe(dataset, REPORT, sources[0], card)
    dataset.CompletionFlag, dataset.CompletionFlagDescription = "PARTIAL", "Made by software, read by nobody"
    dataset.VerificationFlag, dataset.PreliminaryFlag = "UNVERIFIED", "PRELIMINARY"
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    dataset.CurrentRequestedProcedureEvidenceSequence = [_evidence(sources, segmented)]
    dataset.update(_content(sources, said, card, origin))
    return seal(dataset)


def _content(sources: Sequence[Source], said: Iterable[Statement], card: BundleCard, origin: Origin | None) -> Dataset:
    groups = Groups(card, algorithm_items(card, origin))
    found = [group for one in said for group in groups.of(one)]
    if not found:
        raise NoObject("nothing is said that a report has a place for.")
    return container(
        TITLE,
        [
            answer_item(_LANGUAGE, _ENGLISH, MODIFIER),
            *observer_items(card),
            answer_item(_PROCEDURE, _ULTRASONOGRAPHY, MODIFIER),
            container(LIBRARY, [_library(sources)]),
            container(MEASUREMENTS, found),
            text_item(COMMENT, card.intended_use),
        ],
        relation=None,
        template="1500",
    )


def _library(sources: Sequence[Source]) -> Dataset:
    """The images that the report is about, with what all have in common (PS3.16 TID 1600)."""
    modality = answer_item(_MODALITY, _ULTRASOUND, ACQUIRED)
    return container(LIBRARY_GROUP, [modality, *(image_item(SOURCE, image_of(one), CONTAINS) for one in sources)])


def _evidence(sources: Sequence[Source], segmented: Evidence) -> Dataset:
    """Every object that the report refers to, by series (PS3.3 table C.17.2-1)."""
    series: dict[str, list[Dataset]] = {}
    for source in sources:
        series.setdefault(source.dataset.SeriesInstanceUID, []).append(reference_of(image_of(source)))
    for uid, images in segmented.items():
        series.setdefault(uid, []).extend(reference_of(image) for image in images)
    study = Dataset()
    study.StudyInstanceUID = sources[0].dataset.StudyInstanceUID
    study.ReferencedSeriesSequence = [_series(uid, images) for uid, images in series.items()]
    return study


def _series(uid: str, images: list[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID, item.ReferencedSOPSequence = uid, images
    return item
