"""The same object twice, the same picture twice, and one UID on two pictures are three different things."""

import shutil

import numpy as np
import pytest
from inventory_tables import table_of
from PIL import Image
from ultrasound_files import JPEG, RLE, marked, write_ultrasound
from video_files import colour_bars, encode, write_video

from echocare_core.inventory.inspection import inspect_export

H264 = "1.2.840.10008.1.2.4.102"


def test_the_same_object_again_is_set_aside_and_named(add, export, rows, tmp_path):
    shutil.copy(add("a", "P1"), export / "b")
    assert set(rows()) == {"a"}
    aside = table_of(tmp_path / "out" / "set_aside.csv")["b"]
    assert aside["reason"].startswith("is the same object again")
    assert aside["same_as"] == "a"


def test_the_same_pixels_in_another_object_are_in_no_split(add, rows):
    add("a", "P1", study="1", SOPInstanceUID="1.2.3")
    add("b", "P1", study="2", SOPInstanceUID="1.2.4")
    found = rows()
    assert found["a"]["split"] in ("train", "val", "test")
    assert (found["b"]["split"], found["b"]["same_as"]) == ("duplicate", "a")


def test_a_common_picture_joins_two_patients(add, rows):
    add("a1", "P1", study="1", grey=10)
    add("a2", "P1", study="2", grey=11)
    add("b1", "P2", study="3", grey=10)
    add("b2", "P2", study="4", grey=12)
    found = rows()
    assert len({row["group"] for row in found.values()}) == 1
    assert found["a2"]["split"] == found["b2"]["split"]


def test_a_picture_of_people_who_differ_joins_nobody_and_is_in_no_split(add, export, rows):
    add("a", "P1", study="1", PatientBirthDate="19500101")
    add("b", "P2", study="2", PatientBirthDate="19800101")
    found = rows()
    assert found["a"]["group"] != found["b"]["group"]
    assert {row["split"] for row in found.values()} == {"duplicate"}
    assert inspect_export(export)["identity"]["pictures_common_to_several_people"] == 1


def test_a_title_page_of_many_patients_joins_nobody(add, rows):
    for number in range(5):
        add(f"f{number}", f"P{number}", study=str(number))
    assert len({row["group"] for row in rows().values()}) == 5


def test_one_uid_on_two_pictures_is_a_conflict_and_both_stay(add, rows, export):
    add("a", "P1", grey=10, SOPInstanceUID="1.2.3")
    add("b", "P1", grey=11, SOPInstanceUID="1.2.3")
    add("c", "P1", grey=12)
    found = rows()
    assert {name: row["uid_conflict"] for name, row in found.items()} == {"a": "1", "b": "1", "c": "0"}
    assert found["a"]["object"] == found["b"]["object"] != found["c"]["object"]
    assert inspect_export(export)["copies"] == {
        "same_object": 0,
        "links": 0,
        "same_pixels": 0,
        "uid_with_other_pixels": 2,
    }


def test_pictures_that_differ_where_nobody_looked_first_are_told_apart(export, add, rows):
    one = np.zeros((1, 256, 256, 3), dtype=np.uint8)
    one[0, 0] = 200
    other = one.copy()
    other[0, 255, 255] = 1
    for name, pixels in (("a", one), ("b", other)):
        write_ultrasound(export / name, pixels, attributes={"PatientID": name})
    assert {row["same_as"] for row in rows().values()} == {""}


def test_the_same_picture_in_another_compression_is_found_where_frames_are_compared(export, tmp_path):
    pixels = marked()
    segments = [bytes(packbits(pixels[0, ..., channel])) for channel in range(3)]
    starts = [64 + sum(len(segment) for segment in segments[:number]) for number in range(3)]
    header = b"".join(number.to_bytes(4, "little") for number in [3, *starts]).ljust(64, b"\0")
    size = {"Rows": 24, "Columns": 32, "PatientID": "P1"}
    write_ultrasound(export / "a", pixels, attributes=size)
    write_ultrasound(export / "b", [header + b"".join(segments)], transfer_syntax=RLE, attributes=size)
    assert inspect_export(export)["copies"]["same_pixels"] == 0
    assert inspect_export(export, decoded=True)["copies"]["same_pixels"] == 1


def test_the_same_video_in_another_object_is_found_and_another_video_is_not(export):
    first, other = colour_bars(4), colour_bars(4)[::-1]
    write_video(export / "a", encode(first), first, H264, PatientID="P1")
    write_video(export / "b", encode(first), first, H264, PatientID="P1")
    write_video(export / "c", encode(other), other, H264, PatientID="P1")
    assert inspect_export(export)["copies"]["same_pixels"] == 1


def packbits(channel):
    """RLE of PS3.5 G.3 with literal runs only, one for each row of 32 pixels."""
    for row in channel:
        yield len(row) - 1
        yield from row.tolist()


def write_jpeg_cine(path, *, broken):
    """A grey cine of three frames, the first so many of them no JPEG streams."""
    streams = []
    for number in range(3):
        Image.new("L", (32, 24), 10 * number).save(path, "jpeg")
        streams.append(path.read_bytes())
    streams[:broken] = [b"no picture"] * broken
    size = {"Rows": 24, "Columns": 32, "NumberOfFrames": 3}
    write_ultrasound(path, streams, photometric="MONOCHROME2", transfer_syntax=JPEG, attributes=size)


def test_frames_that_cannot_be_decoded_are_counted(export):
    write_jpeg_cine(export / "cine", broken=1)
    write_jpeg_cine(export / "gone", broken=3)
    summary = inspect_export(export, decoded=True)
    assert summary["damaged_frames"] == 1
    assert summary["usable"]["files"] == 1
    assert "frame 3 of 3, cannot be decoded" in summary["set_aside"]["reasons"][0]["reason"]


@pytest.mark.parametrize("processes", [1, 2])
def test_copies_do_not_depend_on_how_many_processes_read(add, export, rows, processes):
    for number in range(40):
        add(f"f{number:02}", f"P{number // 4}", study=str(number // 3), grey=10 + number // 2)
    found = rows(processes=processes)
    assert sum(row["split"] == "duplicate" for row in found.values()) == 20
