"""The objects of a run: one of each kind for each file, named in its rows; what has none is said, and why."""

import csv
import errno
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ultrasound_files import CINE, marked, write_ultrasound

from echocare_core.errors import OutputError
from echocare_core.results import ResultsWriter
from echocare_core.results.dicom import objects
from echocare_core.results.dicom.objects import Maker, whole
from echocare_core.results.dicom.seg import SEG
from echocare_core.types import JoinKeys, Mask, Measurement, Prediction

SIZE = (24, 32)
ABOUT = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}


def source(folder, name, instance, frames=1, **attributes):
    about = {**ABOUT, "SOPInstanceUID": instance, **({"SOPClassUID": CINE} if frames > 1 else {}), **attributes}
    return write_ultrasound(folder / name, marked(frames, *SIZE), attributes=about)


def said(name, instance="", frame=0, *, found=True):
    values = np.zeros(SIZE, np.uint8)
    values[4:9, 5 : 9 + frame] = found
    outputs = (Mask(values, {1: "lesion"}), Measurement("area", 3.0, "mm2"))
    keys = JoinKeys(sop_instance_uid=instance)
    return Prediction(name, outputs, frame=frame, image=marked(1, *SIZE)[0], keys=keys, spacing_mm=(0.2, 0.2))


@pytest.fixture
def run(tmp_path, card):
    """Writes predictions with the DICOM objects of some files."""

    def write(files, *predictions, **options):
        sources = {path.name: path for path in files}
        with ResultsWriter(tmp_path / "out", card, dicom=sources, **options) as writer:
            for prediction in predictions:
                writer.add(prediction)
            return writer.finish()

    return write


def reasons(results):
    return {one.source: one.reason for one in results.objects.without}


def test_each_row_names_the_object_it_is_in(tmp_path, run):
    files = [source(tmp_path, "A", "1.2.1"), source(tmp_path, "B", "1.2.2", frames=3)]
    results = run(files, said("A", "1.2.1"), said("B", "1.2.2", 0), said("B", "1.2.2", 2))
    named = [row["dicom_seg_file"] for row in results]
    assert named == ["dicom/A_seg.dcm", "dicom/B_seg.dcm", "dicom/B_seg.dcm"]
    assert [int(pydicom.dcmread(results.folder / one).NumberOfFrames) for one in named[:2]] == [1, 2]
    assert [row["dicom_overlay_file"] for row in results] == [name.replace("_seg", "_overlay") for name in named]
    assert {row["dicom_sr_file"] for row in results} == {"dicom/study_0001_sr.dcm"}
    assert results.objects.number == 5
    assert "5 DICOM objects written." in str(results)


def test_without_the_setting_there_are_none(tmp_path, card):
    with ResultsWriter(tmp_path / "out", card) as writer:
        writer.add(said("A"))
        results = writer.finish()
    assert not (tmp_path / "out" / "dicom").exists()
    assert "dicom_seg_file" not in results.rows[0]
    assert "DICOM" not in str(results)


def test_the_same_run_leaves_the_same_objects_byte_by_byte(tmp_path, run):
    files = [source(tmp_path, "A", "1.2.1")]
    kept = []
    for _ in range(2):
        results = run(files, said("A", "1.2.1"), overwrite=True)
        kept.append((results.folder / "dicom" / "A_seg.dcm").read_bytes())
    assert kept[0] == kept[1]


def test_a_picture_that_is_no_dicom_has_none_and_is_named(tmp_path, run):
    (tmp_path / "B.png").write_bytes(b"\x89PNG" + b"\0" * 600)
    results = run([source(tmp_path, "A", "1.2.1"), tmp_path / "B.png"], said("A", "1.2.1"), said("B.png"))
    assert reasons(results) == {"B.png": "is no DICOM object, so nothing could refer to it."}
    assert "1 file without (see dicom/without_objects.csv)" in str(results)
    with (results.folder / "dicom" / "without_objects.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["B.png"]


def test_an_invalid_uid_stands_in_no_log(tmp_path, run, caplog):
    files = [source(tmp_path, "A", "1.2.03.4")]
    caplog.clear()
    results = run(files, said("A", "1.2.03.4"))
    assert results.objects.number == 3
    assert "1.2.03.4" not in caplog.text


def test_two_files_with_one_uid_have_none(tmp_path, run):
    files = [source(tmp_path, name, "1.2.1") for name in ("A", "B")]
    results = run(files, said("A", "1.2.1"), said("B", "1.2.1"))
    assert results.objects.number == 0
    assert "has the SOP Instance UID of B and other pixels" in reasons(results)["A"]


def test_a_file_that_is_gone_or_another_has_none(tmp_path, run):
    gone, other = source(tmp_path, "A", "1.2.1"), source(tmp_path, "B", "1.2.9")
    gone.unlink()
    predictions = said("A", "1.2.1"), said("B", "1.2.2"), said("C", "1.2.3")
    results = run([gone, other, source(tmp_path, "C", "1.2.3")], *predictions)
    assert [row.get("dicom_sr_file") for row in results] == [None, None, "dicom/study_0001_sr.dcm"]
    assert reasons(results)["A"] == "is not there any more. Copy it again."
    assert "another object now" in reasons(results)["B"]


def test_a_file_in_which_nothing_was_found_says_so(tmp_path, run):
    results = run([source(tmp_path, "A", "1.2.1")], said("A", "1.2.1", found=False))
    assert reasons(results) == {"A": "Segmentation: nothing was found in any frame."}


def test_what_one_file_makes_a_kind_raise_stops_no_other(tmp_path, run, monkeypatch):
    def build(said):
        if said.source.dataset.SOPInstanceUID == "1.2.1":
            raise ValueError("Doe^Jane")
        return objects.build_seg(said)

    monkeypatch.setattr(objects, "MAKERS", (Maker(SEG, lambda row, _: True, whole(build)),))
    files = [source(tmp_path, "A", "1.2.1"), source(tmp_path, "B", "1.2.2")]
    results = run(files, said("A", "1.2.1"), said("B", "1.2.2"))
    assert [row["dicom_seg_file"] for row in results] == [None, "dicom/B_seg.dcm"]
    assert reasons(results) == {"A": "Segmentation: cannot be made of what its header says (ValueError)."}


def test_a_disk_that_fills_leaves_nothing_and_says_so(tmp_path, run, monkeypatch):
    def full(dataset, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(objects, "write_object", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run([source(tmp_path, "A", "1.2.1")], said("A", "1.2.1"))
    assert list(Path(tmp_path).rglob("*.dcm")) == []


def test_an_object_is_called_as_the_masks_of_its_file(tmp_path, run):
    results = run([source(tmp_path, "a:b", "1.2.1")], said("a:b", "1.2.1"))
    mask = Path(results.rows[0]["mask"]).name
    assert results.rows[0]["dicom_seg_file"] == f"dicom/{mask.replace('_f0000.png', '_seg.dcm')}"
