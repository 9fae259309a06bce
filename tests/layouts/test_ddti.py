"""DDTI to a table: outlines to masks, cases to groups, and nothing of who the patient is."""

import json

import numpy as np
import pytest
from small_layouts import outline, save_case, save_picture, save_text

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table


def test_its_table_is_one_to_train_from(ddti, write, tmp_path):
    write("ddti")
    items = [
        item for split in ("train", "val", "test") for item in read_table(tmp_path / "out", split, columns=["tirads"])
    ]
    assert len(items) == 11
    assert {(item["group"], item["tirads"]) for item in items} == {("ddti/1", "5")} | {
        (f"ddti/{case}", "4a") for case in range(2, 11)
    }


def test_an_outline_is_filled_and_several_are_joined(ddti, write, mask_of):
    write("ddti")
    one, two = mask_of("1_1"), mask_of("1_2")
    assert one.shape == (64, 64)
    assert np.unique(one).tolist() == [0, 1]
    assert one.sum() == one[20:40, 10:30].sum() == 20 * 20  # columns are x, rows are y; the outline is inside
    assert two.sum() == two[:10, :10].sum() + two[40:50, 40:50].sum() == 200


def test_cases_are_drawn_for_the_splits_and_all_pictures_of_one_are_in_one(ddti, write, rows):
    said = str(write("ddti"))
    by_case = rows().groupby("group")["split"]
    assert by_case.nunique().max() == 1
    assert by_case.first().value_counts().to_dict() == {"train": 7, "val": 1, "test": 2}
    assert "A group is a case" in said
    assert "drawn over groups by seed 0: 70 % train, 10 % val, 20 % test" in said
    assert "of tirads 4a" in said


def test_the_same_seed_draws_the_same_cases_and_another_one_others(ddti, write, rows):
    drawn = [write("ddti", seed=seed, overwrite=True) and rows()["split"].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_no_word_of_the_patient_is_in_what_is_written(ddti, write, tmp_path):
    written = write("ddti")
    texts = [path.read_text() for path in (tmp_path / "out").glob("*.csv")]
    assert len(texts) == 2
    assert not any(word in text for text in [*texts, str(written)] for word in ("47", ",F", "solid"))


@pytest.mark.parametrize("svg", ["", "[]", json.dumps([{"points": [{"x": 1, "y": 2}], "regionType": "freehand"}])])
def test_a_picture_without_an_outline_stays_without_a_mask(ddti, write, rows, svg):
    save_case(ddti, 2, {"1": svg})
    said = str(write("ddti"))
    assert rows().loc["2_1", "mask"] == ""
    assert "10 masks in" in said
    assert "1 without a mask." in said


@pytest.mark.parametrize(
    "svg",
    [
        *("[{", "7", "[[]]", '[{"points": [{"x": 1}]}]', "[" * 100_000),
        *(json.dumps([{"points": [{"x": x, "y": 1}] * 3}]) for x in (float("nan"), 1e300, "left", None)),
    ],
)
def test_a_case_whose_outline_cannot_be_read_is_left_out_with_its_pictures(ddti, write, rows, svg):
    save_case(ddti, 1, {"1": svg})
    written = write("ddti")
    assert not rows().index.str.startswith("1_").any()
    assert {one.source: one.reason for one in written.set_aside} == {
        "1.xml": "has an outline that cannot be read. Download it again.",
        "1_1.jpg": "belongs to 1.xml, which is left out.",
        "1_2.jpg": "belongs to 1.xml, which is left out.",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<case><tirads>5</tirads>", "is no readable XML"),
        ("", "is no readable XML"),
        ('<?xml version="1.0" encoding="nobody-knows"?><case/>', "is no readable XML"),
        ("<annotation/>", "is no case of DDTI (its root is <annotation>)"),
        ('<!DOCTYPE case [<!ENTITY a "aa">]><case><tirads>&a;</tirads></case>', "has a DOCTYPE"),
        ('<!DOCTYPE case SYSTEM "file:///etc/passwd"><case/>', "has a DOCTYPE"),
        ("<case>" + " " * (4 << 20) + "</case>", "has more than 4 MiB"),
        (f"<case><mark><svg>{json.dumps([outline(1, 1, 9, 9)])}</svg></mark></case>", "names no picture"),
    ],
)
def test_a_document_that_cannot_be_believed_is_left_out_by_name(ddti, write, text, reason):
    save_text(ddti / "3.xml", text)
    first, second = write("ddti").set_aside
    assert (first.source, second.source) == ("3.xml", "3_1.jpg")
    assert reason in first.reason


def test_pictures_and_documents_without_the_other_are_left_out(ddti, write):
    (ddti / "4_1.jpg").unlink()
    (ddti / "5.xml").unlink()
    save_picture(ddti / "cover.jpg", 200)
    reasons = {one.source: one.reason for one in write("ddti").set_aside}
    assert reasons == {
        "4_1.jpg": "is in 4.xml and not there.",
        "5_1.jpg": "belongs to no XML document beside it.",
        "cover.jpg": "belongs to no XML document beside it.",
    }


def test_an_outline_beside_the_picture_leaves_it_out(ddti, write):
    save_case(ddti, 6, {"1": json.dumps([outline(100, 100, 120, 120)])})
    (one,) = write("ddti").set_aside
    assert (one.source, one.reason) == ("6_1.jpg", "has an outline that lies outside its 64 x 64 pixels.")


def test_cases_of_one_number_in_two_folders_are_two(ddti, write, rows):
    save_picture(ddti / "more" / "1_1.jpg", 300)
    save_case(ddti / "more", 1, {"1": json.dumps([outline(5, 5, 9, 9)])})
    write("ddti")
    assert {"ddti/1", "ddti/more/1"} <= set(rows()["group"])
    assert {"masks/1_1.png", "masks/more/1_1.png"} <= set(rows()["mask"])


def test_what_macos_leaves_in_an_archive_is_no_picture(ddti, write):
    save_text(ddti / "__MACOSX" / "._1_1.jpg", "a resource fork")
    assert write("ddti").set_aside == ()


def test_a_folder_without_documents_is_refused(auitd, write):
    with pytest.raises(TableError, match=r"has no XML document; ddti needs N\.xml"):
        write("ddti")


def test_documents_of_another_data_set_are_refused_with_what_they_are(tn5000, write):
    with pytest.raises(TableError, match=r"no picture of ddti that can be used: .*000001.xml is no case of DDTI"):
        write("ddti")
