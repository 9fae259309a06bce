"""An export is read whole: what is usable is kept, the rest is set aside by name."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_export
from echocare_core.frames.export import study_numbers
from echocare_core.types import SetAside


@pytest.fixture
def folder(tmp_path):
    """A cine, a still and a picture at different depths, beside a text file and a CT image."""
    root = tmp_path / "export"
    (root / "B" / "deep").mkdir(parents=True)
    write_ultrasound(root / "B" / "deep" / "IM1", marked(3))
    write_ultrasound(root / "z.dcm", marked())
    Image.fromarray(marked()[0]).save(root / "a.picture", "PNG")
    (root / "B" / "readme").write_text("nothing to see")
    write_ultrasound(root / "ct", marked(), attributes={"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"})
    return root


def test_usable_files_are_kept_in_the_order_of_their_paths(folder):
    for name in ("C", "A"):
        (folder / name).mkdir()
        write_ultrasound(folder / name / "IM1", marked())
    export = read_export(folder)
    sources = [export.source_of(frames) for frames in export.files]
    assert sources == ["a.picture", "z.dcm", "A/IM1", "B/deep/IM1", "C/IM1"]


def test_frames_of_all_files_are_counted(folder):
    assert read_export(folder).number_of_frames == 5


def test_other_files_are_set_aside_with_their_reason(folder):
    found = {one.source: one.reason for one in read_export(folder).set_aside}
    assert set(found) == {"B/readme", "ct"}
    assert found["ct"].startswith("ct is not ultrasound (CT, CT Image Storage)")
    assert found["B/readme"].startswith("readme is not DICOM, PNG, JPEG")


def test_two_readings_are_equal_in_order(folder):
    one, other = read_export(folder), read_export(folder)
    assert [frames.path for frames in one.files] == [frames.path for frames in other.files]
    assert one.set_aside == other.set_aside


def test_a_single_file_is_an_export_of_one(folder):
    export = read_export(folder / "B" / "deep" / "IM1")
    assert [export.source_of(frames) for frames in export.files] == ["IM1"]
    assert (export.root, export.set_aside) == (folder / "B" / "deep", ())


def test_a_single_bad_file_says_what_is_wrong(folder):
    with pytest.raises(UnreadableFrames, match="readme is not DICOM"):
        read_export(folder / "B" / "readme")


def test_linked_folders_are_not_entered(folder):
    os.symlink(folder, folder / "B" / "loop", target_is_directory=True)
    export = read_export(folder)
    assert len(export.files) == 3
    assert "B/loop" in {one.source for one in export.set_aside}


def test_a_dangling_link_is_set_aside(folder):
    os.symlink(folder / "gone", folder / "link")
    assert SetAside("link", "link does not exist. Check the path.") in read_export(folder).set_aside


def test_no_frame_is_decoded_before_it_is_asked_for(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded")

    pixels = np.random.default_rng(0).integers(
        0, 256, (3, 64, 96, 3), dtype=np.uint8
    )  # of marks alone it would be asked
    write_ultrasound(tmp_path / "cine", pixels)
    Image.fromarray(pixels[0]).save(tmp_path / "picture.png")
    monkeypatch.setattr("echocare_core.frames.dicom.read.DicomPixels.decode", refuse)
    monkeypatch.setattr("echocare_core.frames.image.ImagePixels.decode", refuse)
    export = read_export(tmp_path)
    with pytest.raises(AssertionError, match="decoded"):
        export.files[0].pixels[0]


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="gone does not exist"):
        read_export(tmp_path / "gone")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="is empty: no file was found"):
        read_export(tmp_path)


def test_a_folder_without_a_usable_file_counts_the_reasons(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"%PDF-1.7")
    (tmp_path / "d").touch()
    with pytest.raises(UnreadableFrames, match=r"among 4 looked at \(3 x is not DICOM.*PDF.*1 x is empty"):
        read_export(tmp_path)


def test_pixels_of_an_export_are_those_that_were_written(folder):
    still = next(frames for frames in read_export(folder).files if frames.path.name == "z.dcm")
    np.testing.assert_array_equal(still.pixels[0], marked()[0])


def test_results_of_an_earlier_run_are_no_images(tmp_path):
    write_ultrasound(tmp_path / "IM1", marked())
    (tmp_path / "out" / "overlays").mkdir(parents=True)
    write_ultrasound(tmp_path / "out" / "overlays" / "IM1", marked())
    for name in ("report.html", "results.csv", "set_aside.csv"):
        (tmp_path / "out" / name).write_text("")

    export = read_export(tmp_path)

    assert [export.source_of(frames) for frames in export.files] == ["IM1"]
    assert [aside.source for aside in export.set_aside] == ["out"]


def test_studies_are_told_apart_by_their_uid_else_by_their_folder(tmp_path):
    for name in ("a/1", "a/2", "b/1", "c/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_ultrasound(tmp_path / name, marked())
    export = read_export(tmp_path)
    uids = {"a/2": "1.2.3", "b/1": "1.2.3"}
    files = tuple(replace(one, study_uid=uids.get(export.source_of(one), "")) for one in export.files)
    numbers = study_numbers(replace(export, files=files))
    assert {path.relative_to(tmp_path).as_posix(): number for path, number in numbers.items()} == {
        "a/1": 1, "a/2": 2, "b/1": 2, "c/1": 3,
    }  # fmt: skip


def test_a_group_makes_a_study_only_of_files_without_a_uid(tmp_path):
    for name in ("1", "2", "3", "4", "5"):
        write_ultrasound(tmp_path / name, marked())
    export = read_export(tmp_path)
    uids = {"1": "1.2.3", "2": "1.2.4"}
    files = tuple(replace(one, study_uid=uids.get(export.source_of(one), "")) for one in export.files)
    groups = {tmp_path / "1": "P", tmp_path / "2": "P", tmp_path / "3": "P", tmp_path / "4": "Q"}
    numbers = study_numbers(replace(export, files=files, groups=groups))
    assert [numbers[tmp_path / name] for name in ("1", "2", "3", "4", "5")] == [1, 2, 3, 4, 5]
