"""Reports of whole runs: what stands in results.csv is read back, and what it refers to is there."""

import csv

import highdicom as hd
import numpy as np
import pytest
from dicom_oracles import places_of
from pydicom import dcmread
from ultrasound_files import CINE, marked, write_ultrasound

from echocare_core.results import ResultsWriter
from echocare_core.types import JoinKeys, Mask, Measurement, Picture, Prediction, Text

SIZE = (24, 32)
LINE = np.array([[2.0, 3.0], [10.5, 20.25]])


def source(folder, name, instance, frames=1, **attributes):
    about = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "SOPInstanceUID": instance}
    kind = {"SOPClassUID": CINE} if frames > 1 else {}
    return write_ultrasound(folder / name, marked(frames, *SIZE), attributes={**about, **kind, **attributes})


def said(name, instance, frame=0, *outputs, **more):
    values = np.zeros(SIZE, np.uint8)
    values[4:9, 5 : 9 + frame] = 1
    measured = (Measurement("area", 3.0 + frame, "mm2"), Measurement("long_axis", 1 / 3 + frame, "mm", LINE + frame))
    given = {"frame": frame, "image": marked(1, *SIZE)[0], "spacing_mm": (0.2, 0.2)}
    keys = JoinKeys(sop_instance_uid=instance)
    return Prediction(name, (Mask(values, {1: "lesion"}), *measured, *outputs), keys=keys, **{**given, **more})


def writer_of(folder, card, files, **options):
    return ResultsWriter(folder / "out", card, dicom={path.name: path for path in files}, **options)


@pytest.fixture
def run(tmp_path, card):
    def write(files, *predictions):
        with writer_of(tmp_path, card, files) as writer:
            for prediction in predictions:
                writer.add(prediction)
            return writer.finish()

    return write


def groups_of(content):
    return [*content.get_planar_roi_measurement_groups(), *content.get_image_measurement_groups()]


def test_every_number_of_the_table_stands_in_the_report_with_its_frame_and_line(tmp_path, run, valid):
    files = [source(tmp_path, "A", "1.2.1"), source(tmp_path, "B", "1.2.2", frames=4)]
    results = run(files, said("A", "1.2.1"), said("B", "1.2.2", 0), said("B", "1.2.2", 3))
    report = results.folder / results.rows[0]["dicom_sr_file"]
    content = hd.sr.srread(report).content
    found = {}
    for group in content.get_planar_roi_measurement_groups():
        found |= _numbers(group, group.referenced_segmentation_frame[1].ReferencedSOPSequence[0])
    for group in content.get_image_measurement_groups():
        [image] = next(item for item in group[0].ContentSequence if item.ValueType == "IMAGE").ReferencedSOPSequence
        found |= _numbers(group, image)
        [places] = places_of(group.get_measurements()[0])
        frame = (image.get("ReferencedFrameNumber") or 1) - 1
        assert np.array_equal(places.value, (LINE + frame + 0.5)[:, ::-1])  # (column, row)
        assert places.ContentSequence[0].ReferencedSOPSequence[0] == image
    with (results.folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        wanted = {
            (*_frame(row), name): row[name] for row in csv.DictReader(file) for name in ("area_mm2", "long_axis_mm")
        }
    assert found == wanted
    assert valid(report)


def _frame(row):
    """Object and frame number of a row; a still has no frame numbers."""
    return ("1.2.1", None) if row["source"] == "A" else ("1.2.2", int(row["frame"]) + 1)


def _numbers(group, image):
    """{(object, frame, column): the digits of the number}."""
    where = image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")
    items = [item for item in group[0].ContentSequence if item.ValueType == "NUM"]
    return {
        (
            *where,
            f"{item.name.meaning.replace(' ', '_')}_{item.unit.value}",
        ): item.MeasuredValueSequence[0].NumericValue.original_string
        for item in items
    }


def test_what_it_refers_to_is_there(tmp_path, run):
    files = [source(tmp_path, "A", "1.2.1"), source(tmp_path, "B", "1.2.2", frames=4)]
    results = run(files, said("A", "1.2.1"), said("B", "1.2.2", 1), said("B", "1.2.2", 3))
    report = dcmread(results.folder / results.rows[0]["dicom_sr_file"])
    there = {one.SOPInstanceUID: one for one in map(dcmread, [*files, *results.folder.glob("dicom/*_seg.dcm")])}
    listed = {}
    for series in report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence:
        for one in series.ReferencedSOPSequence:
            listed[one.ReferencedSOPInstanceUID] = series.SeriesInstanceUID
    assert {uid: there[uid].SeriesInstanceUID for uid in listed} == listed
    assert {one.SOPInstanceUID for one in there.values()} == set(listed)
    for group in hd.sr.srread(
        results.folder / results.rows[0]["dicom_sr_file"]
    ).content.get_planar_roi_measurement_groups():
        segmented, original = (item.ReferencedSOPSequence[0] for item in group.referenced_segmentation_frame)
        frame = there[segmented.ReferencedSOPInstanceUID].PerFrameFunctionalGroupsSequence[
            segmented.ReferencedFrameNumber - 1
        ]
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        assert image.ReferencedSOPInstanceUID == original.ReferencedSOPInstanceUID
        assert image.get("ReferencedFrameNumber") == original.get("ReferencedFrameNumber")


def test_a_study_has_one_report_and_each_patient_one_of_his_own(tmp_path, run):
    files = [
        source(tmp_path, "A", "1.2.1"),
        source(tmp_path, "B", "1.2.2", PatientID="another"),
        source(tmp_path, "C", "1.2.5"),
        source(tmp_path, "D", "1.2.6", StudyInstanceUID="1.9"),
    ]
    results = run(files, *(said(path.name, dcmread(path).SOPInstanceUID) for path in files))
    named = [row["dicom_sr_file"] for row in results]
    assert named == [f"dicom/study_000{number}_sr.dcm" for number in (1, 2, 1, 3)]
    assert [dcmread(results.folder / name).PatientID for name in named] == ["ID-4711", "another", "ID-4711", "ID-4711"]


def test_what_is_said_of_a_study_comes_first_and_stands_in_its_report(tmp_path, run):
    files = [
        source(tmp_path, "A", "1.2.1"),
        source(tmp_path, "B", "1.2.2"),
        source(tmp_path, "C", "1.2.6", StudyInstanceUID="1.9"),
    ]
    of_frames = [said("A", "1.2.1", study=1), said("B", "1.2.2", study=1), said("C", "1.2.6", study=2)]
    said_of_all = (Measurement("mean_area", 4.5, "mm2"), Text("report", "All."))
    whole = Prediction(".", said_of_all, "study", study=2, keys=JoinKeys(sop_instance_uid="1.2.6"))  # of its one file
    results = run(files, *of_frames, whole)
    assert [row["dicom_sr_file"][-11:-7] for row in results] == ["0001", "0001", "0002", "0002"]
    first = groups_of(hd.sr.srread(results.folder / results.rows[3]["dicom_sr_file"]).content)[-2]
    [measured] = first.get_measurements()
    assert (measured.name.meaning, measured.value) == ("mean area", 4.5)


def test_a_run_that_goes_on_has_the_report_of_an_unbroken_one(tmp_path, card, run):
    files = [source(tmp_path, "A", "1.2.1"), source(tmp_path, "B", "1.2.2")]
    first, second = said("A", "1.2.1"), said("B", "1.2.2")
    results = run(files, first, second)
    unbroken = {path.name: path.read_bytes() for path in (results.folder / "dicom").iterdir()}

    writer = writer_of(tmp_path, card, files, run="a", overwrite=True)
    writer.go_on(())
    writer.add(first)
    writer.note(1, "", (), ())
    assert writer.pause()
    writer = writer_of(tmp_path, card, files, run="a", overwrite=True)
    writer.go_on(writer.earlier)
    writer.add(second)
    results = writer.finish()

    assert {path.name: path.read_bytes() for path in (results.folder / "dicom").iterdir()} == unbroken
    assert not (results.folder / "lines").exists()


def test_a_source_that_was_deidentified_stays_so(tmp_path, run):
    about = {"PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientIdentityRemoved": "YES"}
    results = run([source(tmp_path, "A", "1.2.1", **about, DeidentificationMethod="By hand")], said("A", "1.2.1"))
    for path in (results.folder / "dicom").iterdir():
        found = dcmread(path)
        assert [str(found[name].value) for name in ("PatientName", "PatientID", "PatientBirthDate")] == ["", "", ""]
        assert (found.PatientIdentityRemoved, found.DeidentificationMethod) == ("YES", "By hand")


def test_an_output_without_a_place_in_a_report_says_so(tmp_path, run):
    image = marked(1, *SIZE)[0]
    prediction = Prediction("A", (Picture("enhanced", image),), frame=0, image=image)
    results = run([source(tmp_path, "A", "1.2.1")], prediction)
    assert [one.reason for one in results.objects.without if one.reason.startswith("Measurements")] == [
        "Measurements: nothing is said that a report has a place for."
    ]
