"""What a segmentation object holds, so that a report can refer to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from echocare_core.frames.dicom.silence import suppress_warnings
from echocare_core.results.dicom.content import ImageReference
from echocare_core.results.dicom.findings import Segment
from echocare_core.types import Code


@dataclass(frozen=True)
class Segmented:
    """A segmentation object of one source.

    Attributes:
        series: Series Instance UID.
        image: the object as a whole.
        segments: of each frame of the source that has some, by its 0-based number.
    """

    series: str
    image: ImageReference
    segments: Mapping[int, tuple[Segment, ...]]


def read_segmented(path: Path) -> Segmented:
    """Read a segmentation object that this package has written (PS3.3 A.51); its pixels stay in the file."""
    with suppress_warnings():
        dataset = dcmread(path, stop_before_pixels=True)
        whole = ImageReference(dataset.SOPClassUID, dataset.SOPInstanceUID)
        known = {one.SegmentNumber: one for one in dataset.SegmentSequence}
        found: dict[int, list[Segment]] = defaultdict(list)
        for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence, start=1):
            segment = known[frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
            found[_frame_of(frame)].append(_segment(segment, whole._replace(frames=(number,))))
    return Segmented(dataset.SeriesInstanceUID, whole, {frame: tuple(one) for frame, one in found.items()})


def _frame_of(frame: Dataset) -> int:
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    return int(source.get("ReferencedFrameNumber") or 1) - 1


def _segment(segment: Dataset, image: ImageReference) -> Segment:
    category, kind = segment.SegmentedPropertyCategoryCodeSequence[0], segment.SegmentedPropertyTypeCodeSequence[0]
    return Segment(segment.SegmentLabel, _code(category), _code(kind), image)


def _code(item: Dataset) -> Code:
    return Code(item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)
