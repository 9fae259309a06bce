"""Pictures and masks of all splits are looked at before anything is scored, and told by their rows."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_tables import disc_picture, write_table

from echocare_core.bundle import find_bundle
from echocare_core.errors import TableError, TrainingError
from echocare_core.finetuning.cases import complete_table
from echocare_core.finetuning.configured import TRAINING, Needed, open_workflow, read_needed
from echocare_core.finetuning.pictures import check_pictures

MASKS = Needed(columns=(), masks=True, labels=2, threshold=None, batch_size=4)


@pytest.fixture
def data(tmp_path):
    """Four discs to learn from, two to choose by and one to test on."""
    return write_table(tmp_path / "data")


def check(folder, needed=MASKS):
    return check_pictures(complete_table(folder / "table.csv", folder / "out", 1), needed)


def redraw(folder, number, values):
    Image.fromarray(np.asarray(values, np.uint8)).save(folder / f"{number}_mask.png")


def change(folder, **cells):
    """Cells of columns by the numbers of their rows from 1, as messages have them."""
    rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
    for column, values in cells.items():
        for row, value in values.items():
            rows.loc[row - 1, column] = value
    rows.to_csv(folder / "table.csv", index=False)


def test_mistakes_of_all_splits_are_told_together_by_the_rows_of_the_team(data):
    redraw(data, 0, np.full((96, 128), 7))
    redraw(data, 4, np.zeros((20, 20)))
    (data / "6.png").write_bytes((data / "6.png").read_bytes()[:2000])
    change(data, mask={2: "gone.png"}, pixel_mm={3: "far"})
    with pytest.raises(TableError) as caught:
        check(data)
    said = str(caught.value)
    assert said.startswith(f"{data / 'table.csv'} has 5 mistakes: ")
    for row, found in {
        1: "holds the value 7",
        2: "gone.png is",
        3: "is 'far'",
        5: "has shape (20, 20)",
        7: "6.png",
    }.items():
        assert re.search(rf"row {row}, [^;]*{re.escape(found)}", said)


def test_rows_keep_their_numbers_behind_an_empty_one(data):
    lines = (data / "table.csv").read_text().splitlines()
    (data / "table.csv").write_text("\n".join([lines[0], ",,,,,", *lines[1:]]))
    redraw(data, 0, np.full((96, 128), 7))
    with pytest.raises(TableError, match="has 1 mistake: row 2, Mask"):
        check(data)


def test_points_in_rows_of_their_own_are_told_by_the_first_row_of_their_picture(data):
    table = pd.read_csv(data / "table.csv", dtype=str)[["image", "group", "split"]]
    points = pd.DataFrame([("a", "1", "2"), ("b", "3", "4")], columns=["point", "row_px", "column_px"])
    table.merge(points, how="cross").to_csv(data / "table.csv", index=False)
    (data / "2.png").write_bytes(b"no picture")
    cases = complete_table(data, data / "out", 1, "landmark", (), {"a": ["a_x", "a_y"], "b": ["b_x", "b_y"]})
    with pytest.raises(TableError, match=r"has 1 mistake: row 5, 2\.png is not"):
        check_pictures(cases, Needed(("a_x",), masks=False, labels=None, threshold=None, batch_size=4))


def test_a_picture_in_two_splits_is_told_before_anything_is_scored(data):
    (data / "6.png").write_bytes((data / "1.png").read_bytes())
    with pytest.raises(TableError, match=r"has 1 mistake: row 7 \(6\.png, test\) shows the picture of row 2 \(1\.png"):
        check(data)


CLASSES = Needed(columns=("pathology",), masks=None, labels=None, threshold=None, batch_size=4)
TOLD = "has 1 mistake: rows 1 and 9 show one picture, as benign and malignant"


def check_classes(folder):
    return check_pictures(complete_table(folder, folder / "out", 1, "pathology", ["benign", "malignant"]), CLASSES)


@pytest.fixture
def labelled(tmp_path):
    """Four discs to learn from and four to choose by, benign and malignant in turn, and a ninth row to change."""
    splits = ("train",) * 4 + ("val",) * 4 + ("train",)
    folder = write_table(tmp_path / "data", splits, {"pathology": ["benign", "malignant"]})
    change(folder, pathology={9: "malignant"}, group={9: "patient-0"})
    return folder


def test_a_file_in_two_classes_is_refused_by_its_rows(labelled):
    change(labelled, image={9: "./0.png"}, mask={9: ""})
    with pytest.raises(TableError, match=TOLD):
        check_classes(labelled)


def test_a_copy_of_a_picture_in_another_class_is_refused_whatever_its_file_is(labelled):
    Image.open(labelled / "0.png").save(labelled / "8.tiff")
    change(labelled, image={9: "8.tiff"})
    with pytest.raises(TableError, match=TOLD):
        check_classes(labelled)


def test_a_picture_may_stand_twice_in_one_class_and_empty_ones_in_two(labelled):
    for name in ("7.png", "8.png"):
        Image.new("RGB", (128, 96)).save(labelled / name)
    change(labelled, image={3: "0.png"}, group={3: "patient-0", 9: "patient-8"})
    check_classes(labelled)


@pytest.mark.parametrize(
    ("groups", "patients", "told"),
    [
        ({2: "P3", 7: "p 3"}, {}, "rows 2 and 7 are one group but for capitals, blanks, signs or zeros in the splits"),
        ({2: "3", 7: "003"}, {}, "rows 2 and 7 are one group but for capitals, blanks, signs or zeros in the splits"),
        ({}, {2: "P3", 7: "P3"}, "rows 2 and 7 are one patient in the splits"),
    ],
)
def test_a_patient_in_two_splits_is_refused_however_the_table_names_both(groups, patients, told, data):
    change(data, group=groups, patient={row: patients.get(row, "") for row in range(1, 8)})
    with pytest.raises(TableError, match=rf"has 1 mistake: {told} train, test\. Correct"):
        check(data)


def test_too_few_images_for_a_batch_are_told_before_anything_is_scored(data):
    with pytest.raises(TrainingError, match=r"The training has 4 images; needed 5 at least, .*smaller batch_size"):
        check(data, MASKS._replace(batch_size=5))


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("how", ["nothing", "empty files"])
def test_masks_of_which_none_marks_anything_are_refused(split, how, data):
    numbers = {"train": range(4), "val": (4, 5)}[split]
    for number in numbers:
        redraw(data, number, np.zeros((96, 128)))
    if how == "nothing":
        change(data, mask=dict.fromkeys([number + 1 for number in numbers], "nothing"))
    with pytest.raises(
        TableError, match=f"{len(numbers)} masks in split '{split}' and none that marks anything; needed"
    ):
        check(data)


def test_one_mask_that_marks_something_is_enough_and_none_is_doubted(data):
    change(data, mask=dict.fromkeys((1, 2, 3, 5, 7), "nothing"))
    assert check(data) == ()


def test_masks_that_mark_the_border_all_round_are_doubted_by_the_first_row(data):
    for number in (2, 5):
        _, disc = disc_picture(number)
        redraw(data, number, 1 - disc)
    [doubt] = check(data)
    assert doubt.startswith("2 of 7 masks mark the border of their picture all round, the first in row 3. Is what is")


@pytest.mark.parametrize(("rows", "doubted"), [(44, False), (52, True)])
def test_masks_that_mark_most_of_their_pictures_are_doubted(rows, doubted, data):
    mask = np.zeros((96, 128))
    mask[:rows, 1:-1] = 1
    for number in range(7):
        redraw(data, number, mask)
    doubts = check(data)
    assert [doubt.startswith("The masks mark 53% of their picture in the median. ") for doubt in doubts] == [
        True
    ] * doubted


@pytest.mark.parametrize(
    ("bundle", "settings", "needed"),
    [
        ("breast_lesion_segmentation", {"mask_threshold": 128}, Needed((), True, 2, 128, 4)),
        ("fetal_head_segmentation", {}, Needed(("head_circumference_mm",), True, 2, None, 4)),
        ("breast_lesion_classification", {"batch_size": 3}, Needed(("pathology",), None, None, None, 3)),
    ],
)
def test_what_a_bundle_needs_of_a_row_stands_in_its_configurations(bundle, settings, needed):
    folder = find_bundle(Path(bundle))
    training = open_workflow(folder, TRAINING, settings, prepare=False).parser
    assert read_needed(folder, training, {}) == needed
