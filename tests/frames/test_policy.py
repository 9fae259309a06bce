"""What is blank or there twice is not used, and `inspect` and `predict` agree on it."""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import JPEG, marked, region, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_export
from echocare_core.frames.listed import read_listed
from echocare_core.frames.policy import BLANK, find_links
from echocare_core.inventory.inspection import inspect_export

FLAT = np.full((1, 24, 32, 3), 40, dtype=np.uint8)


def noise(frames=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, 24, 32, 3), dtype=np.uint8)


@pytest.fixture
def export(tmp_path):
    (tmp_path / "export" / "deep").mkdir(parents=True)
    return tmp_path / "export"


@pytest.fixture
def verdicts(export, tmp_path):
    """Says of every file how many frames of it are used, or why it is not; and that both verbs say the same."""

    def say():
        found = read_export(export)
        used = {found.source_of(frames): len(frames) for frames in found.files}
        aside = {one.source: one.reason.removeprefix(f"{one.source.split('/')[-1]} ") for one in found.set_aside}
        inspect_export(export, tmp_path / "out")
        with (tmp_path / "out" / "table.csv").open() as table, (tmp_path / "out" / "set_aside.csv").open() as left:
            listed = {row["image"].removeprefix("../export/"): int(row["frames"]) for row in csv.DictReader(table)}
            reasons = {row["source"]: row["reason"] for row in csv.DictReader(left)}
        assert (listed, reasons) == (used, aside)
        return {**used, **aside}

    return say


def test_a_file_of_one_value_is_set_aside_whatever_stores_it(export, verdicts):
    write_ultrasound(export / "native", FLAT)
    write_ultrasound(export / "cine", FLAT.repeat(3, axis=0))
    Image.fromarray(FLAT[0]).save(export / "flat.png")
    Image.fromarray(FLAT[0]).save(export / "flat.jpg")
    stream = (export / "flat.jpg").read_bytes()
    size = {"Rows": 24, "Columns": 32, "NumberOfFrames": 1}
    write_ultrasound(export / "packed", [stream], photometric="YBR_FULL_422", transfer_syntax=JPEG, attributes=size)
    write_ultrasound(export / "picture", marked())
    found = verdicts()
    assert found.pop("picture") == 1
    assert set(found.values()) == {BLANK}
    assert len(found) == 5


def test_a_scan_that_was_blacked_out_shows_nothing_whatever_stands_beside_it(export, verdicts):
    pixels = noise()
    pixels[:, 4:, 4:] = 0
    write_ultrasound(export / "a", pixels, regions=[region((4, 4, 24, 32), (0.2, 0.2))])
    write_ultrasound(export / "b", marked())
    assert verdicts()["a"].startswith("shows nothing")


def test_flat_frames_of_several_values_are_a_picture(export, verdicts):
    write_ultrasound(export / "a", np.concatenate([FLAT, FLAT + np.uint8(20)]))
    assert verdicts() == {"a": 2}


def test_a_still_whose_frames_repeat_is_one_still(export, verdicts):
    write_ultrasound(export / "a", noise().repeat(3, axis=0), frame_time_ms=40)
    write_ultrasound(export / "b", noise(3), frame_time_ms=40)
    assert verdicts() == {"a": 1, "b": 3}
    [still, _] = read_export(export).files
    assert still.notes == ("All 3 frames of the file are the same: the first is used, as a still.",)
    assert still.frame_times_ms == (0.0,)
    np.testing.assert_array_equal(still.pixels[0], noise()[0])


def test_copies_are_set_aside_and_name_the_first(export, verdicts):
    shutil.copy(write_ultrasound(export / "z", noise()), export / "deep" / "again")
    Image.fromarray(noise(seed=1)[0]).save(export / "p.png")
    shutil.copy(export / "p.png", export / "q.png")
    assert verdicts() == {
        "deep/again": 1,
        "z": "is the same object again, with the same SOP Instance UID and the same pixels as deep/again.",
        "p.png": 1,
        "q.png": "is the same file again, with the same bytes as p.png.",
    }


def test_what_only_resembles_a_copy_is_used(export, verdicts):
    uid = {"SOPInstanceUID": "1.2.3"}
    write_ultrasound(export / "a", noise(), attributes=uid)
    write_ultrasound(export / "same uid", noise(seed=1), attributes=uid)
    write_ultrasound(export / "same pixels", noise(), attributes={"SOPInstanceUID": "1.2.4"})
    write_ultrasound(export / "no uid", noise(seed=2), attributes={"SOPInstanceUID": None})
    shutil.copy(export / "no uid", export / "no uid either")
    assert set(verdicts().values()) == {1}


def test_links_are_set_aside_and_name_the_file(export, verdicts, tmp_path):
    write_ultrasound(export / "m", noise())
    os.symlink(export / "m", export / "a link")
    os.link(export / "m", export / "z")
    os.symlink(write_ultrasound(tmp_path / "elsewhere", noise(seed=1)), export / "out")
    assert verdicts() == {
        "m": 1,
        "out": 1,
        "a link": "is a link to the same file as m.",
        "z": "is a link to the same file as m.",
    }


@pytest.mark.parametrize(("number", "names"), [(0, 1), (0, 2), (7, 1)])
def test_files_of_a_drive_that_does_not_number_them_are_no_links(number, names, export, monkeypatch):
    files = [export / "a", export / "b"]
    for file in files:
        file.touch()
    os.symlink(export / "b", export / "link")
    told = os.stat_result((0o100644, number, 1, names, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda path, follow_symlinks=True: told if follow_symlinks else os.lstat(path))

    assert find_links([*files, export / "link"], lambda path: path.name) == {export / "link": export / "b"}


def test_a_blank_file_alone_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match="a shows nothing: all its pixels"):
        read_export(write_ultrasound(tmp_path / "a", FLAT))


def test_a_table_has_the_frames_that_it_numbers(tmp_path):
    write_ultrasound(tmp_path / "a", noise().repeat(3, axis=0))
    for text, wanted in (("image\na\n", [0]), ("image,frame\na,2\n", [2])):
        (tmp_path / "table.csv").write_text(text)
        export = read_listed(tmp_path / "table.csv")
        assert [list(export.numbers_of(frames)) for frames in export.files] == [wanted]


def test_a_real_cine_is_not_decoded_to_be_judged(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr("echocare_core.frames.dicom.read.DicomPixels.decode", refuse)
    assert len(read_export(write_ultrasound(tmp_path / "a", noise(3))).files[0]) == 3


def test_what_this_package_left_unfinished_is_neither_used_nor_set_aside(export, verdicts):
    write_ultrasound(export / "deep" / "2.dcm", marked())
    for name in (".2-unfinished.dcm", ".2-unfinished-0123abcd.dcm", ".echocare-half.dcm"):
        write_ultrasound(export / "deep" / name, noise())
    (export / ".echocare-lock").touch()
    assert verdicts() == {"deep/2.dcm": 1}
