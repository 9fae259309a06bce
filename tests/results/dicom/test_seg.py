"""Masks as a DICOM Segmentation: what other libraries read in it is what was drawn, in the frame it was drawn in."""

import numpy as np
import pydicom
import pytest
from dicom_oracles import errors_of
from PIL import Image
from ultrasound_files import CINE, marked, write_ultrasound

from echocare_core.results.dicom.said import NoObject, Said
from echocare_core.results.dicom.seg import build_seg
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import seal, write_object
from echocare_core.types import Details

HEIGHT, WIDTH = 23, 31  # 713 pixels: frames begin within a byte
LABELS = {1: "lesion", 2: "duct"}
ABOUT = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "SOPInstanceUID": "1.2.3.4.5"}


def mask(*boxes, size=(HEIGHT, WIDTH)):
    values = np.zeros(size, np.uint8)
    for value, top, left in boxes:
        values[top : top + 5, left : left + 6] = value
    return values


@pytest.fixture
def segmentation(tmp_path, card):
    """Makes the object of masks by frame number, of a source with so many frames."""

    def make(masks, *, frames=1, labels=LABELS, spacing_mm=(0.25, 0.5), **attributes):
        about = {**ABOUT, **({"SOPClassUID": CINE} if frames > 1 else {}), **attributes}
        pixels = marked(frames, HEIGHT, WIDTH)
        source = read_source(write_ultrasound(tmp_path / "IM0001", pixels, attributes=about))
        rows, details = [], []
        for number, values in masks.items():
            Image.fromarray(values).save(tmp_path / f"{number}.png")
            row_mm, column_mm = spacing_mm or (None, None)
            spacing = {"spacing_row_mm": row_mm, "spacing_column_mm": column_mm}
            rows.append({"source": "IM0001", "frame": number, "mask": f"{number}.png", **spacing})
            details.append(Details((), None, False, labels=labels))
        path = tmp_path / "seg.dcm"
        write_object(seal(build_seg(Said(source, card, tmp_path, rows, details))), path)
        return pydicom.dcmread(path)

    return make


def read_by_hand(found):
    """{(segment, frame of the source): bool (height, width)}, bit by bit as PS3.5 8.1.1 says."""
    pixels = found.Rows * found.Columns
    bits = [byte >> bit & 1 for byte in found.PixelData for bit in range(8)]
    planes = {}
    for number, groups in enumerate(found.PerFrameFunctionalGroupsSequence):
        image = groups.DerivationImageSequence[0].SourceImageSequence[0]
        key = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber, image.get("ReferencedFrameNumber")
        plane = bits[number * pixels : (number + 1) * pixels]
        planes[key] = np.array(plane, bool).reshape(found.Rows, found.Columns)
    return planes


def test_a_still_is_read_back_as_it_was_drawn(segmentation):
    drawn = mask((1, 2, 3), (2, 10, 20))
    planes = read_by_hand(segmentation({0: drawn}))
    assert planes.keys() == {(1, None), (2, None)}
    assert all(np.array_equal(plane, drawn == segment) for (segment, _), plane in planes.items())


def test_a_cine_is_read_back_frame_by_frame(segmentation):
    drawn = {number: mask((1, number, number)) for number in range(7)}
    planes = read_by_hand(segmentation(drawn, frames=7))
    assert planes.keys() == {(1, number + 1) for number in range(7)}
    assert all(np.array_equal(plane, drawn[frame - 1] == 1) for (_, frame), plane in planes.items())


def test_frames_where_a_label_was_not_found_are_left_out(segmentation):
    found = segmentation({0: mask(), 3: mask((2, 1, 1)), 5: mask((1, 1, 1))}, frames=6)
    assert read_by_hand(found).keys() == {(1, 6), (2, 4)}
    assert [one.SegmentLabel for one in found.SegmentSequence] == ["lesion", "duct"]


def test_frames_of_a_table_stand_in_their_own_order(segmentation):
    found = segmentation({4: mask((1, 1, 1)), 2: mask((1, 2, 2))}, frames=6)
    assert [key for key, _ in read_by_hand(found).items()] == [(1, 3), (1, 5)]


def test_each_frame_has_its_position_in_time(segmentation):
    found = segmentation({0: mask((1, 1, 1)), 2: mask((1, 2, 2))}, frames=3)
    frames = [groups.FrameContentSequence[0] for groups in found.PerFrameFunctionalGroupsSequence]
    assert [list(one.DimensionIndexValues) for one in frames] == [[1, 1], [1, 3]]
    assert [one.TemporalPositionIndex for one in frames] == [1, 3]


def test_values_of_labels_need_not_follow_each_other(segmentation):
    found = segmentation({0: mask((3, 1, 1), (7, 12, 12))}, labels={3: "lesion", 7: "duct"})
    assert [one.SegmentNumber for one in found.SegmentSequence] == [1, 2]
    assert {key[0]: plane.sum() for key, plane in read_by_hand(found).items()} == {1: 30, 2: 30}


def test_nothing_found_makes_no_object(segmentation):
    with pytest.raises(NoObject, match="nothing was found"):
        segmentation({0: mask(), 1: mask()}, frames=2)


def test_a_mask_of_other_pixels_makes_no_object(segmentation):
    with pytest.raises(NoObject, match="its mask has 30x20 px and its stored frames have 31x23 px"):
        segmentation({0: mask((1, 1, 1), size=(20, 30))})


def test_it_names_the_object_it_is_about_and_its_algorithm(segmentation, card):
    found = segmentation({0: mask((1, 1, 1))})
    series = found.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == "1.2.3.4"
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.5"
    named = found.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (named.AlgorithmName, named.AlgorithmVersion) == (card.name, card.version)


def test_codes_are_those_of_the_bundle_and_others_private(segmentation):
    lesion, duct = segmentation({0: mask((1, 1, 1))}).SegmentSequence
    codes = [one.SegmentedPropertyTypeCodeSequence[0] for one in (lesion, duct)]
    assert [one.CodeValue for one in codes] == ["52988006", "duct"]
    assert [one.CodingSchemeDesignator for one in codes] == ["SCT", "99ECHOCARE"]


def test_pixels_have_the_size_that_was_measured_with(segmentation):
    found = segmentation({0: mask((1, 1, 1))}, spacing_mm=(0.25, 0.118272561875003))
    shared = found.SharedFunctionalGroupsSequence[0]
    assert [float(one) for one in shared.PixelMeasuresSequence[0].PixelSpacing] == pytest.approx([0.25, 0.118272562])


def test_no_size_and_no_place_is_made_up(segmentation):
    found = segmentation({0: mask((1, 1, 1))}, spacing_mm=None)
    assert "PixelSpacing" not in str(found)
    assert "FrameOfReferenceUID" not in found


@pytest.mark.parametrize("spacing_mm", [(0.25, 0.5), None])
@pytest.mark.parametrize("frames", [1, 4])
def test_a_validator_finds_no_error(segmentation, tmp_path, frames, spacing_mm):
    segmentation({number: mask((1, number, 2)) for number in range(frames)}, frames=frames, spacing_mm=spacing_mm)
    assert errors_of(tmp_path / "seg.dcm") == []


@pytest.mark.parametrize("frames", [1, 4])
def test_highdicom_reads_the_same(segmentation, tmp_path, frames):
    highdicom = pytest.importorskip("highdicom", reason="highdicom, the oracle, is not installed")
    drawn = [mask((1, number, 2), (2, 12, 12)) for number in range(frames)]
    segmentation(dict(enumerate(drawn)), frames=frames)
    found = highdicom.seg.segread(tmp_path / "seg.dcm")
    how = {"assert_missing_frames_are_empty": True, "combine_segments": True, "ignore_spatial_locations": True}
    if frames > 1:
        read = found.get_pixels_by_source_frame("1.2.3.4.5", list(range(1, frames + 1)), **how)
    else:
        read = found.get_pixels_by_source_instance(["1.2.3.4.5"], **how)
    assert np.array_equal(read, drawn)
