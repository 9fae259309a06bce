"""Labels join results by path, UID, accession number or patient, and what does not join is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from labelled_results import length_of, scores_of

from echocare_core.errors import SettingsError, TableError
from echocare_core.types import SetAside

FILES = {
    "ST1/IM1": {
        "PatientID": "0012",
        "AccessionNumber": "00077",
        "StudyInstanceUID": "1.2.3.1",
        "SOPInstanceUID": "1.9.1",
    },
    "ST1/IM2": {
        "PatientID": "0012",
        "AccessionNumber": "00077",
        "StudyInstanceUID": "1.2.3.1",
        "SOPInstanceUID": "1.9.2",
    },
    "ST2/IM3": {
        "PatientID": "0345",
        "AccessionNumber": "00088",
        "StudyInstanceUID": "1.2.3.2",
        "SOPInstanceUID": "1.9.3",
    },
}
WRITTEN = [(source, 0, "frame", [length_of(value)]) for source, value in zip(FILES, (10.0, 14.0, 30.0), strict=True)]


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("image", ["ST1/IM1", "ST1/IM2", "ST2/IM3"]),
        ("File name", ["im1.png", "im2.png", "im3.png"]),
        ("SOPInstanceUID", ["1.9.1", "1.9.2", "1.9.3"]),
    ],
)
def test_each_image_has_its_label(run, column: str, names: list[str]) -> None:
    rows = [{column: name, "length_mm": value} for name, value in zip(names, (11, 14, 33), strict=True)]
    found = run(FILES, WRITTEN, rows)

    assert found.rows["length_mm_error"].tolist() == [1.0, 0.0, 3.0]


@pytest.mark.parametrize(
    ("column", "names", "by"),
    [
        ("Accession Number", ["77", "88"], "accession"),
        ("patient_id", ["12", "345"], "patient"),
        ("PatientID", ["0012", "0345"], "patient"),
        ("StudyInstanceUID", ["1.2.3.1", "1.2.3.2"], "study_instance_uid"),
    ],
)
def test_an_examination_or_patient_has_the_median_of_its_images(run, column: str, names: list[str], by: str) -> None:
    found = run(FILES, WRITTEN, [{column: name, "length_mm": 20} for name in names])

    assert found.joined.by == by
    assert found.rows["length_mm"].tolist() == [12.0, 30.0]
    assert found.rows["results"].tolist() == [2, 1]


def test_the_mean_probability_of_the_images_of_a_patient_is_scored(run) -> None:
    written = [(source, 0, "frame", [scores_of(value)]) for source, value in zip(FILES, (0.1, 0.9, 0.2), strict=True)]
    found = run(
        FILES, written, [{"patient": "12", "pathology": "malignant"}, {"patient": "345", "pathology": "benign"}]
    )

    assert found.rows["pathology_malignant_probability"].tolist() == pytest.approx([0.5, 0.2])
    assert found.rows["pathology"].tolist() == ["malignant", "benign"]  # at the operating point, 0.4


def test_frames_of_a_cine_are_labelled_one_by_one(run) -> None:
    files = {"cine": {"PatientID": "1"}}
    written = [("cine", frame, "frame", [length_of(10.0 + frame)]) for frame in range(3)]
    rows = [{"image": "cine", "frame": frame, "length_mm": 10} for frame in (0, 2)]
    found = run(files, written, rows, frames=3)

    assert found.rows["length_mm_error"].tolist() == [0.0, 2.0]
    assert [(one.side, one.reason) for one in found.joined.not_joined] == [("result", "1 frame of it have no label")]


def test_what_is_said_of_a_cine_comes_before_what_is_said_of_its_frames(run) -> None:
    written = [("cine", frame, "frame", [length_of(10.0)]) for frame in range(3)]
    written.append(("cine", None, "cine", [length_of(25.0)]))
    found = run({"cine": {}}, written, [{"image": "cine", "length_mm": 20}], frames=3)

    assert found.rows["length_mm"].tolist() == [25.0]


def test_what_joins_nothing_is_listed_on_both_sides(run, tmp_path: Path) -> None:
    rows = [{"image": "ST1/IM1", "length_mm": 10}, {"image": "ST1/IM9", "length_mm": 10}, {"image": "", "length_mm": 4}]
    run(FILES, WRITTEN, rows)
    left = pd.read_csv(tmp_path / "out" / "not_joined.csv", keep_default_na=False)

    assert left["side"].tolist() == ["label", "label", "result", "result"]
    assert left["row"].astype(str).tolist()[:2] == ["2", "3"]
    assert "the nearest are ST1/IM" in left["reason"][0]
    assert left["reason"][1] == "its path (image) is empty"
    assert left["source"].tolist()[2:] == ["ST1/IM2", "ST2/IM3"]


def test_a_label_of_a_file_that_was_set_aside_says_why(run, tmp_path: Path) -> None:
    from labelled_results import write_bundle, write_export, write_labels, write_results

    from echocare_core.assessment.evaluate import evaluate

    export = write_export(tmp_path / "x", {"a": {}, "b": {}})
    aside = [SetAside("b", "b is broken. Export it again.")]
    results = write_results(tmp_path / "r", export, [("a", 0, "frame", [length_of(1.0)])], set_aside=aside)
    labels = write_labels(tmp_path / "l.csv", [{"image": "a", "length_mm": 1}, {"image": "b", "length_mm": 1}])
    found = evaluate(write_bundle(tmp_path / "made"), export, labels, tmp_path / "o", results=results, progress=False)

    assert found.joined.not_joined[0].reason == "its file was set aside: b is broken. Export it again."


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"image": "other.png", "length_mm": 1}], "None of the 1 row of labels.csv joins a result; looked for path"),
        ([{"patient": "999", "length_mm": 1}], "looked for Patient ID, of which the results have 2"),
        ([{"image": "ST1/IM1", "length_mm": 1}, {"image": "IM1", "length_mm": 2}], "rows 1 and 2 label one case"),
        ([{"patient": "12", "length_mm": 1}, {"patient": "0012", "length_mm": 1}], "rows 1 and 2 label one case"),
        ([{"name": "a", "length_mm": 1}], "no column that joins results"),
        ([{"Path": "IM1", "file": "IM1", "length_mm": 1}], "each of which could be image"),
        ([{"image": "ST1/IM1", "frame": "second", "length_mm": 1}], "frame 'second', needed a whole number"),
        ([{"image": "ST1/IM1", "length_mm": ""}], "the cells of length_mm are empty"),
        (
            [{"image": "ST1/IM1", "length_mm": "about 4"}],
            "row 1 has 'about 4' as length_mm, needed a number or nothing",
        ),
        ([{"image": "ST1/IM1", "length_mm": "1_000"}], "row 1 has '1_000' as length_mm, needed a number or nothing"),
        ([{"patient": "12", "accession": "88", "length_mm": 1}], "row 1 means other files by its"),
        (
            [{"image": "ST1/IM1", "frame": 9, "length_mm": 1}],
            "joins a result: row 1: its file has no result for frame 9",
        ),
        ([{"image": "ST1/IM1", "lenght_mm": 1}], "Did you mean length_mm by lenght_mm"),
        ([{"image": "ST1/IM1", "length_px": 1}], "length in px, the results in mm, which cannot be compared"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_in_a_sentence(run, rows: list[dict], says: str) -> None:
    with pytest.raises(TableError, match=says):
        run(FILES, WRITTEN, rows)


def test_a_name_that_could_be_two_files_is_refused(run) -> None:
    files = {"ST1/IM1": {}, "ST2/IM1": {}}
    written = [(source, 0, "frame", [length_of(1.0)]) for source in files]
    with pytest.raises(TableError, match="row 1 could be any of 2 files by its path"):
        run(files, written, [{"image": "IM1", "length_mm": 1}, {"image": "ST2/IM1", "length_mm": 1}])


def test_an_accession_number_of_two_patients_is_refused(run) -> None:
    files = {name: {"PatientID": name, "AccessionNumber": "7"} for name in ("a", "b")}
    written = [(source, 0, "frame", [length_of(1.0)]) for source in files]
    with pytest.raises(TableError, match="row 1 joins files of several patients"):
        run(files, written, [{"accession": "7", "length_mm": 1}])


def test_by_another_column_than_there_is_is_refused(run) -> None:
    with pytest.raises(SettingsError, match="needed one of image, sop_instance_uid"):
        run(FILES, WRITTEN, [{"image": "ST1/IM1", "length_mm": 1}], by="name")


def test_labels_in_centimetres_are_compared_in_the_unit_of_the_results(run) -> None:
    found = run(FILES, WRITTEN, [{"image": "IM1", "length_cm": 1.1}])
    assert found.rows["length_mm_error"].tolist() == pytest.approx([1.0])


def test_a_file_without_calibration_is_counted_and_not_compared(run) -> None:
    written = [("ST1/IM1", 0, "frame", [length_of(10.0)]), ("ST1/IM2", 0, "frame", [length_of(99.0, "px")])]
    rows = [{"image": "IM1", "length_mm": 10}, {"image": "IM2", "length_mm": 10}]
    found = run(FILES, written, rows)

    assert found.scored[0].unscored == {2: "it is not calibrated: measured in pixels only"}
    assert found.numbers["length_mm_error"].images == 1


def test_no_number_of_a_patient_or_examination_is_written(run, tmp_path: Path) -> None:
    rows = [{"patient": "0012", "length_mm": 1}, {"patient": "0345", "length_mm": 2}]
    run(FILES, WRITTEN, rows)
    told = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir() if path.is_file()]

    assert not [name for name in ("0012", "0345", "00077", "00088") if any(name in text for text in told)]


def test_images_of_one_patient_are_one_group_under_a_pseudonym(run) -> None:
    found = run(FILES, WRITTEN, [{"image": name, "length_mm": 1} for name in ("IM1", "IM2", "IM3")])
    groups = found.rows["group"].tolist()

    assert groups[0] == groups[1] != groups[2]
    assert found.joined.told_apart == {"patient": 3}
    assert found.numbers["length_mm_error"].groups == 2


def test_one_patient_alone_has_no_interval_and_says_so(run) -> None:
    found = run(FILES, WRITTEN, [{"image": name, "length_mm": 1} for name in ("IM1", "IM2")])
    number = found.numbers["length_mm_error"]

    assert (number.groups, number.low != number.low) == (1, True)
    assert "One patient" in number.warning
