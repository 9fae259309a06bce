"""What a segmentation object holds is found by the frame of its source."""

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked, write_ultrasound

from echocare_core.results.dicom.said import Said
from echocare_core.results.dicom.seg import build_seg
from echocare_core.results.dicom.segments import read_segmented
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import seal, write_object
from echocare_core.types import Details

LABELS = {1: "lesion", 2: "cyst"}


@pytest.fixture
def segmented(tmp_path, card):
    """Writes the masks of frames, label numbers of each, as a segmentation object, and reads what is in it."""

    def write(frames, *labels_of):
        source = read_source(write_ultrasound(tmp_path / "IM1", marked(frames, 24, 32)))
        rows = []
        for frame, labels in enumerate(labels_of):
            mask = np.zeros((24, 32), np.uint8)
            for label in labels:
                mask[4 * label : 4 * label + 3] = label
            Image.fromarray(mask).save(tmp_path / f"{frame}.png")
            rows.append({"mask": f"{frame}.png", "frame": frame, "spacing_row_mm": None, "spacing_column_mm": None})
        details = [Details((), None, False, labels=LABELS)] * len(rows)
        dataset = seal(build_seg(Said(source, card, tmp_path, rows, details)))
        write_object(dataset, tmp_path / "seg.dcm")
        return dataset, read_segmented(tmp_path / "seg.dcm")

    return write


def test_each_frame_of_a_cine_has_its_segments(segmented):
    dataset, found = segmented(4, [1], [], [1, 2])
    assert (found.series, found.image.instance) == (dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    assert {frame: [one.name for one in segments] for frame, segments in found.segments.items()} == {
        0: ["lesion"],
        2: ["lesion", "cyst"],
    }
    frames = [one.image.frames[0] for segments in found.segments.values() for one in segments]
    for number, frame in zip(frames, (0, 2, 2), strict=True):
        [image] = dataset.PerFrameFunctionalGroupsSequence[number - 1].DerivationImageSequence[0].SourceImageSequence
        assert image.ReferencedFrameNumber == frame + 1


def test_a_still_is_frame_zero_and_its_codes_are_those_of_the_object(segmented, card):
    _, found = segmented(1, [1])
    [segment] = found.segments[0]
    assert (segment.category, segment.kind) == card.codes.labels["lesion"]
    assert segment.image.frames == (1,)
