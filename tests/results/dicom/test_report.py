"""Reports are read back by another library: every number, unit, place and reference as it was said."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest
from dicom_oracles import places_of
from pydicom import dcmread
from ultrasound_files import PATIENT_NAME, marked, write_ultrasound

from echocare_core.results.dicom.content import ImageReference
from echocare_core.results.dicom.findings import Segment, Statement
from echocare_core.results.dicom.report import COMPREHENSIVE_SR, build_report, image_of
from echocare_core.results.dicom.source import read_source
from echocare_core.results.dicom.uids import write_object
from echocare_core.types import (
    Boxes,
    Code,
    Details,
    Embedding,
    KnownImage,
    Measurement,
    OperatingPoint,
    Origin,
    Points,
    Ran,
    Scores,
    Setting,
    Text,
)

LINE = np.array([[10.0, 20.0], [30.25, 50.5]])
SEGMENT_IMAGE = ImageReference("1.2.840.10008.5.1.4.1.1.66.4", "1.2.9.9", (3,))
STRUCTURE = Code("123037004", "SCT", "Body structure")
ORIGIN = Origin(
    False, Ran("torch", "float32", "cpu", {"model.pt": "ab" * 32}), {"inferer::flip": Setting(False, True)}, {}
)


@pytest.fixture
def cine(tmp_path):
    about = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.5"}
    path = write_ultrasound(tmp_path / "CINE", marked(4, 60, 80), frame_time_ms=40, attributes=about)
    return read_source(path)


@pytest.fixture
def still(tmp_path):
    about = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.6"}
    return read_source(write_ultrasound(tmp_path / "STILL", marked(1, 60, 80), attributes=about))


def statement(source, *outputs, frame=0, spacing_mm=0.25, notes="", doubts=(), **more):
    row = {"spacing_row_mm": spacing_mm, "notes": notes}
    return Statement(row, Details(outputs, None, False, doubts), (image_of(source, frame),), source.size, **more)


@pytest.fixture
def report(tmp_path, card, valid):
    """Writes a report and gives it back as pydicom reads it, and its content as highdicom does."""

    def write(sources, *statements, segmented=None):
        dataset = build_report(sources, statements, card, ORIGIN, segmented or {})
        write_object(dataset, tmp_path / "report.dcm")
        assert valid(tmp_path / "report.dcm")
        return dcmread(tmp_path / "report.dcm"), hd.sr.srread(tmp_path / "report.dcm").content

    return write


def items_of(item):
    """Every item below another one, as they stand."""
    for one in item.get("ContentSequence", ()):
        yield one
        yield from items_of(one)


def name_of(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else ""


def comments_of(dataset):
    return [item.TextValue for item in items_of(dataset) if name_of(item) == "Comment"]


def parameters_of(dataset):
    names = {"Algorithm Name", "Algorithm Version", "Algorithm Parameters"}
    return [item.TextValue for item in items_of(dataset) if name_of(item) in names]


def images_below(dataset, heading):
    """SOP Instance UIDs of the images below the first item of a name."""
    item = next(item for item in items_of(dataset) if name_of(item) == heading)
    return [one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for one in items_of(item) if one.ValueType == "IMAGE"]


def evidence_of(dataset):
    """SOP Instance UIDs of all objects that a report says that it refers to."""
    [study] = dataset.CurrentRequestedProcedureEvidenceSequence
    series = study.ReferencedSeriesSequence
    return [one.ReferencedSOPInstanceUID for each in series for one in each.ReferencedSOPSequence]


def test_nobody_has_verified_it(report, cine, card):
    dataset, _ = report([cine], statement(cine, Measurement("area", 1.0, "mm2")))
    assert dataset.SOPClassUID == COMPREHENSIVE_SR
    assert [dataset.CompletionFlag, dataset.VerificationFlag, dataset.PreliminaryFlag] == [
        "PARTIAL", "UNVERIFIED", "PRELIMINARY",
    ]  # fmt: skip
    assert card.intended_use in comments_of(dataset)


def test_a_number_is_read_back_with_its_unit_and_the_line_in_its_frame(report, cine):
    said = statement(cine, Measurement("long_axis", 12.3456789, "mm", LINE), frame=2, lines={"long_axis_mm": LINE})
    dataset, content = report([cine], said)
    [group] = content.get_image_measurement_groups()
    [measured] = group.get_measurements()
    assert (measured.name.meaning, measured.value, measured.unit.value) == ("long axis", 12.3456789, "mm")
    [places] = places_of(measured)
    assert np.array_equal(places.value, LINE[:, ::-1] + 0.5)  # (column, row) from the corner of the first pixel
    reference = places.ContentSequence[0].ReferencedSOPSequence[0]
    assert (reference.ReferencedSOPInstanceUID, reference.ReferencedFrameNumber) == ("1.2.5", 3)
    assert str(next(i for i in items_of(dataset) if i.ValueType == "NUM").MeasuredValueSequence[0].NumericValue) == (
        "12.346"  # as the table has it
    )


def test_a_still_has_no_frame_numbers(report, still):
    dataset, _ = report([still], statement(still, Measurement("area", 4.0, "mm2")))
    references = [item.ReferencedSOPSequence[0] for item in items_of(dataset) if "ReferencedSOPSequence" in item]
    assert references
    assert not [one for one in references if "ReferencedFrameNumber" in one]


def test_a_line_that_leaves_the_picture_ends_at_its_edge(report, cine):
    line = np.array([[-5.0, 20.0], [70.0, 90.0]])
    _, content = report([cine], statement(cine, Measurement("axis", 9.0, "mm"), lines={"axis_mm": line}))
    [measured] = content.get_image_measurement_groups()[0].get_measurements()
    assert places_of(measured)[0].value.tolist() == [[20.5, 0], [80, 60]]


def test_what_was_measured_without_a_line_was_measured_in_the_segment(report, cine):
    segment = Segment("head", STRUCTURE, Code("69536005", "SCT", "Head"), SEGMENT_IMAGE)
    outputs = (Measurement("area", 4.0, "mm2"), Measurement("axis", 9.0, "mm"))
    said = statement(cine, *outputs, frame=1, lines={"axis_mm": LINE}, segments=(segment,))
    dataset, content = report([cine], said, segmented={"1.2.8": [SEGMENT_IMAGE._replace(frames=())]})
    [of_segment] = content.get_planar_roi_measurement_groups()
    [of_line] = content.get_image_measurement_groups()
    assert [one.name.meaning for one in of_segment.get_measurements()] == ["area"]
    assert [one.name.meaning for one in of_line.get_measurements()] == ["axis"]
    assert (of_segment.finding_type.meaning, of_segment.tracking_uid) == ("Head", of_line.tracking_uid)
    frame = of_segment.referenced_segmentation_frame
    [reference] = frame[0].ReferencedSOPSequence
    assert (reference.ReferencedSOPInstanceUID, reference.ReferencedFrameNumber) == ("1.2.9.9", 3)
    assert "ReferencedSegmentNumber" not in reference  # never both, dcmqi and PS3.3 table 10-3 want
    assert evidence_of(dataset) == ["1.2.5", "1.2.9.9"]


def test_boxes_and_points_are_regions_of_their_frame(report, cine, card):
    boxes = Boxes(np.array([[5.0, 6, 20, 30]]), ("lesion",), (0.91,), ("lesion",))
    points = Points(np.array([[10.0, 12.0], [np.nan, np.nan]]), ("tip", "base"))
    _, content = report([cine], statement(cine, boxes, points, frame=3))
    box, point = content.get_planar_roi_measurement_groups()
    assert box.roi.value.tolist() == [[6, 5], [30, 5], [30, 20], [6, 20], [6, 5]]
    assert (box.finding_type.meaning, box.finding_category.meaning) == tuple(
        code.meaning for code in reversed(card.codes.labels["lesion"])
    )
    [certainty] = box.get_measurements()
    assert (certainty.name.value, certainty.value, certainty.unit.value) == ("111012", 91.0, "%")
    assert (point.finding_type.meaning, point.roi.value.tolist()) == ("tip", [[12.5, 10.5]])


def test_a_point_says_how_sure_the_bundle_is_of_it(report, cine):
    points = Points(np.array([[10.0, 12.0], [np.nan, np.nan]]), ("tip", "base"), (0.87, 0.05))
    _, content = report([cine], statement(cine, points, frame=3))
    [point] = content.get_planar_roi_measurement_groups()
    [certainty] = point.get_measurements()
    assert (certainty.name.value, certainty.value, certainty.unit.value) == ("111012", 87.0, "%")


def test_an_answer_stands_with_its_probabilities_and_operating_point(report, cine):
    scores = Scores("pathology", {"benign": 0.875, "malignant": 0.125}, OperatingPoint("malignant", 0.05))
    dataset, content = report([cine], statement(cine, scores))
    [group] = content.get_image_measurement_groups()
    assert [(one.name.meaning, one.value, one.unit.value) for one in group.get_measurements()] == [
        ("pathology benign probability", 0.875, "{ratio}"),
        ("pathology malignant probability", 0.125, "{ratio}"),
    ]
    [answer] = group.get_qualitative_evaluations()
    assert (answer.name.meaning, answer.value.meaning) == ("pathology", "malignant")
    assert "pathology_malignant_threshold=0.050000" in parameters_of(dataset)


def test_words_and_the_nearest_image_are_texts(report, cine):
    near = Embedding("embedding", np.array([0.6, 0.8], np.float32), (KnownImage("SET 1", "breast", 0.87),))
    dataset, _ = report([cine], statement(cine, Text("report", "One.\nTwo: größer."), near))
    texts = {name_of(item): item.TextValue for item in items_of(dataset) if item.ValueType == "TEXT"}
    assert texts["report"] == "One.\r\nTwo: größer."
    assert texts["embedding nearest"] == "SET 1: breast (similarity 0.87)"


def test_notes_doubts_and_what_is_unknown_are_comments(report, cine):
    outputs = (Measurement("axis", 30.0, "px"), Measurement("volume", float("nan"), "ml"))
    doubts = (("axis is outside 40 to 360 px", "30 px", "axis_px"),)
    dataset, content = report([cine], statement(cine, *outputs, spacing_mm=None, notes="No black.", doubts=doubts))
    assert comments_of(dataset)[:4] == [
        "no calibration in the file: lengths in pixels",
        "axis is outside 40 to 360 px: 30 px",
        "volume is unknown",
        "No black.",
    ]
    [measured] = content.get_image_measurement_groups()[0].get_measurements()
    assert (measured.value, measured.unit.value) == (30.0, "{pixels}")


def test_the_algorithm_is_named_with_weights_engine_and_settings_that_differ(report, cine):
    dataset, _ = report([cine], statement(cine, Measurement("area", 1.0, "mm2")))
    assert parameters_of(dataset) == [
        "lesion_bundle", "1.2.0", f"weights_sha256={'ab' * 32}", "weights_are_the_bundles_own=false", "engine=torch",
        "precision=float32", "inferer::flip=false (the bundle's own: true)",
    ]  # fmt: skip


def test_every_image_of_the_study_is_listed_and_what_is_said_of_it_refers_to_all(report, cine, still):
    images = (image_of(cine), image_of(still))
    ejection = Details((Measurement("ejection_fraction", 55.0, "percent"),), None, False)
    dataset, _ = report([cine, still], Statement({}, ejection, images, cine.size))
    for heading in ("Image Library Group", "Measurement Group"):
        assert images_below(dataset, heading) == ["1.2.5", "1.2.6"]


def test_a_group_without_places_is_tracked_by_nothing_that_viewers_would_look_for(report, cine):
    dataset, _ = report([cine], statement(cine, Measurement("parts", 3.0, "count")))
    assert "Tracking Unique Identifier" not in map(name_of, items_of(dataset))


def test_the_same_results_are_the_same_report_and_others_are_another(card, cine):
    def made(value):
        return build_report([cine], [statement(cine, Measurement("area", value, "mm2"))], card, ORIGIN, {})

    assert made(1.0).SOPInstanceUID == made(1.0).SOPInstanceUID != made(2.0).SOPInstanceUID


def test_the_patient_is_that_of_the_source(report, cine):
    dataset, _ = report([cine], statement(cine, Measurement("area", 1.0, "mm2")))
    assert (str(dataset.PatientName), dataset.PatientID, dataset.StudyInstanceUID) == (PATIENT_NAME, "ID-4711", "1.2.3")
