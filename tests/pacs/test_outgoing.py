"""Only what this project made leaves a folder."""

import shutil

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from result_objects import CAPTURE, ONE_OF_EACH, SEG, SR, write_object, write_results, write_source
from ultrasound_files import shipped

from echocare_core.errors import OutputError
from echocare_core.pacs.outgoing import find_outgoing
from echocare_core.version import MANUFACTURER


def names(found):
    return [one.name for one in found]


def test_the_objects_of_results_are_found_in_the_order_of_their_names(tmp_path):
    found, set_aside = find_outgoing(write_results(tmp_path / "out"))
    assert names(found) == [f"dicom/{number:03d}.dcm" for number in range(len(ONE_OF_EACH))]
    assert [one.kind for one in found] == [
        "segmentation",
        "structured report",
        "key object selection",
        "secondary capture",
        "secondary capture",
    ]
    assert set_aside == []


def test_an_object_is_named_by_its_own_header(tmp_path):
    path = write_object(tmp_path / "one.dcm", SR)
    (one,), _ = find_outgoing(path)
    dataset = dcmread(path)
    assert one.instance_uid == dataset.SOPInstanceUID
    assert (one.study_uid, one.series_uid) == (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
    assert (one.sop_class, one.transfer_syntax) == (dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)


def test_of_results_the_folder_of_dicom_alone_is_looked_through(tmp_path):
    out = write_results(tmp_path / "out", [SEG])
    write_object(out / "elsewhere.dcm", SR)
    assert names(find_outgoing(out)[0]) == ["dicom/000.dcm"]


def test_a_folder_of_any_depth_is_looked_through_but_not_what_is_hidden_in_it(tmp_path):
    write_object(tmp_path / "a" / "b" / "without_suffix", SEG)
    write_object(tmp_path / ".echocare-unfinished" / "half.dcm", SEG)
    write_object(tmp_path / ".half.dcm", SEG)
    (tmp_path / "note.txt").write_text("not DICOM " * 30)
    found, set_aside = find_outgoing(tmp_path)
    assert names(found) == ["a/b/without_suffix"]
    assert set_aside == []


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: write_source(path), "no result but Ultrasound Image Storage"),
        (lambda path: write_object(path, CAPTURE, Manufacturer="Other"), "made by other software"),
        (lambda path: write_object(path, CAPTURE, Manufacturer=None), "made by other software"),
        (lambda path: write_object(path, CAPTURE, Manufacturer="EchoCare demo"), "made by other software"),
        (lambda path: write_object(path, SEG, StudyInstanceUID=""), "lacks a UID"),
        (lambda path: shutil.copy(shipped("CT_small.dcm").filename, path), "no result but CT Image Storage"),
    ],
)
def test_what_is_no_result_of_this_project_stays_with_its_reason(write, reason, tmp_path):
    write(tmp_path / "stays.dcm")
    write_object(tmp_path / "goes.dcm")
    found, (aside,) = find_outgoing(tmp_path)
    assert names(found) == ["goes.dcm"]
    assert aside.source == "stays.dcm"
    assert reason in aside.reason


@pytest.mark.parametrize("sop_class", [SEG, SR, CAPTURE])
def test_an_object_that_is_cut_short_anywhere_stays(sop_class, tmp_path):
    write_object(tmp_path / "goes.dcm")
    path = write_object(tmp_path / "stays.dcm", sop_class)
    whole = path.read_bytes()
    for length in range(400, len(whole), max(1, len(whole) // 100)):
        path.write_bytes(whole[:length])
        found, (aside,) = find_outgoing(tmp_path)
        assert names(found) == ["goes.dcm"]
        assert aside.source == "stays.dcm"


def test_a_cut_in_compressed_pixels_is_seen(tmp_path):
    write_object(tmp_path / "goes.dcm")
    dataset = shipped("SC_rgb_jpeg_gdcm.dcm")
    dataset.Manufacturer = MANUFACTURER
    dataset.save_as(tmp_path / "stays.dcm")
    whole = (tmp_path / "stays.dcm").read_bytes()
    assert names(find_outgoing(tmp_path)[0]) == ["goes.dcm", "stays.dcm"]
    for less in (1, 4, 8, 9, 50, 300):
        (tmp_path / "stays.dcm").write_bytes(whole[:-less])
        assert "cut short" in find_outgoing(tmp_path)[1][0].reason


def test_of_two_objects_with_one_uid_the_other_one_stays_and_a_copy_is_no_other_one(tmp_path):
    same = generate_uid()
    write_object(tmp_path / "a.dcm", SOPInstanceUID=same)
    shutil.copy(tmp_path / "a.dcm", tmp_path / "b.dcm")
    write_object(tmp_path / "c.dcm", SOPInstanceUID=same, InstanceNumber=2)
    found, (aside,) = find_outgoing(tmp_path)
    assert names(found) == ["a.dcm"]
    assert (aside.source, aside.reason.partition(".")[0]) == (
        "c.dcm",
        "another object here has its SOP Instance UID",
    )


def test_a_meta_header_that_names_another_object_is_seen(tmp_path):
    path = write_object(tmp_path / "stays.dcm")
    dataset = dcmread(path)
    dataset.SOPInstanceUID = generate_uid()
    dataset.save_as(path)
    write_object(tmp_path / "goes.dcm")
    _, (aside,) = find_outgoing(tmp_path)
    assert "names another object" in aside.reason


@pytest.mark.parametrize("folder", ["missing", "images"])
def test_nothing_to_send_says_what_was_found_and_what_to_do(folder, tmp_path):
    write_source(tmp_path / "images" / "IM1")
    with pytest.raises(OutputError, match=r"needed (the )?results (of `echocare predict --dicom`|with DICOM objects)"):
        find_outgoing(tmp_path / folder)
