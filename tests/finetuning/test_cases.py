"""The table of a fine-tuning: groups and splits that it leaves out are completed, what cannot be is refused."""

import io
import logging

import pandas as pd
import pytest

from echocare_core.errors import TableError
from echocare_core.finetuning.cases import complete_table, write_completed
from echocare_core.frames.groups import find_group_faults
from echocare_core.frames.manifest import read_csv


def write(folder, columns, rows, name="table.csv"):
    folder.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(folder / name, index=False)
    return folder / name


def read(cases):
    return pd.read_csv(io.StringIO(cases.text), dtype=str, keep_default_na=False)


PATIENTS = [(f"{n}.png", f"m{n}.png", f"p{n // 2}") for n in range(16)]  # two images of each of eight


def test_a_quarter_of_the_patients_is_drawn_for_val_and_no_patient_is_in_both(tmp_path):
    table = write(tmp_path / "in", ["image", "mask", "patient"], PATIENTS)
    cases = complete_table(table, tmp_path / "out", seed=1)
    rows = read(cases)
    assert (dict(cases.images), dict(cases.groups)) == ({"train": 12, "val": 4}, {"train": 6, "val": 2})
    assert rows.groupby("group")["split"].nunique().max() == 1
    assert "2 groups of 8 drawn for val (seed 1)" in str(cases)


def test_the_same_seed_draws_the_same_patients_and_another_one_others(tmp_path):
    table = write(tmp_path / "in", ["image", "mask", "patient"], PATIENTS)
    drawn = [read(complete_table(table, tmp_path / "out", seed)).to_csv() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_splits_and_groups_that_are_there_are_kept_and_paths_are_absolute(tmp_path):
    rows = [
        ("a.png", "ma.png", "7", "train", "0.2"),
        ("b.png", "mb.png", "8", "val", ""),
        ("c.png", "mc.png", "9", "test", ""),
    ]
    write(tmp_path / "in", ["image", "mask", "group", "split", "pixel_mm"], rows)
    cases = complete_table(tmp_path / "in", tmp_path / "out", seed=1)
    found = read(cases)
    assert found["image"].tolist() == [str(tmp_path / "in" / name) for name in ("a.png", "b.png", "c.png")]
    assert found["mask"].tolist() == [str(tmp_path / "in" / name) for name in ("ma.png", "mb.png", "mc.png")]
    assert found[["group", "split", "pixel_mm"]].to_numpy().tolist() == [
        ["7", "train", "0.2"], ["8", "val", ""], ["9", "test", ""],
    ]  # fmt: skip
    assert cases.notes == ()


def test_the_completed_table_is_written_to_its_folder_and_that_of_the_team_stays_as_it_is(tmp_path):
    table = write(tmp_path / "in", ["image", "mask", "patient"], PATIENTS)
    before = table.read_bytes()
    cases = complete_table(table, tmp_path / "out", seed=1)
    write_completed(cases)
    assert table.read_bytes() == before
    assert (tmp_path / "out" / "table.csv").read_text(encoding="utf-8") == cases.text


def test_each_of_several_masks_of_an_image_has_its_absolute_path(tmp_path):
    rows = [("a;b.png", "ma.png;mb.png", "7", "train"), ("c.png", "mc.png", "8", "val")]
    table = write(tmp_path / "in", ["image", "mask", "group", "split"], rows)
    found = read(complete_table(table, tmp_path / "out", seed=1))
    assert found["image"][0] == str(tmp_path / "in" / "a;b.png")
    assert found["mask"][0] == f"{tmp_path / 'in' / 'ma.png'};{tmp_path / 'in' / 'mb.png'}"


def test_pictures_with_nothing_to_find_are_learned_from_and_counted(tmp_path):
    rows = [*PATIENTS, ("x.png", "nothing", "p9"), ("y.png", "Nothing", "p9")]
    cases = complete_table(write(tmp_path / "in", ["image", "mask", "patient"], rows), tmp_path / "out", seed=1)
    assert "2 rows with nothing to find." in cases.notes
    assert sum(cases.images.values()) == 18
    assert read(cases)["mask"].tolist()[-2:] == ["nothing", "nothing"]


def test_without_patients_each_image_is_one_and_it_is_said(tmp_path):
    table = write(tmp_path / "in", ["image", "mask"], [row[:2] for row in PATIENTS])
    cases = complete_table(table, tmp_path / "out", seed=1)
    assert dict(cases.groups) == {"train": 12, "val": 4}
    assert "each image counts as a patient" in str(cases)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ways", [("P{}", "p-{}"), ("{}", "00{}"), ("{}.0", "{}")])
def test_a_patient_who_is_written_in_two_ways_is_drawn_as_one(ways, seed, tmp_path):
    rows = [(f"{n}.png", f"m{n}.png", ways[n % 2].format(n // 2)) for n in range(16)]
    cases = complete_table(write(tmp_path / "in", ["image", "mask", "patient"], rows), tmp_path / "out", seed)
    assert (dict(cases.images), dict(cases.groups)) == ({"train": 12, "val": 4}, {"train": 6, "val": 2})
    assert read(cases)["group"].tolist() == [ways[0].format(n // 2) for n in range(16)]
    assert "8 groups taken as one with others: alike but for capitals, blanks, signs or zeros." in cases.notes


@pytest.mark.parametrize("seed", range(4))
def test_studies_of_one_patient_are_drawn_together_where_a_table_names_both(seed, tmp_path):
    rows = [(*row[:2], f"study {n}", row[2] if n else "") for n, row in enumerate(PATIENTS)]
    cases = complete_table(write(tmp_path / "in", ["image", "mask", "group", "patient"], rows), tmp_path / "out", seed)
    assert sum(cases.groups.values()) == 9  # the first picture names no patient, and is a group of its own
    assert read(cases).query("patient != ''").groupby("patient")["split"].nunique().max() == 1
    assert "with a patient in common." in str(cases)


def test_a_group_of_several_patients_stays_one(tmp_path):
    rows = [(*row[:2], f"centre {n // 4}", row[2]) for n, row in enumerate(PATIENTS)]
    cases = complete_table(write(tmp_path / "in", ["image", "mask", "group", "patient"], rows), tmp_path / "out", 1)
    assert (sum(cases.groups.values()), cases.notes[0]) == (4, "No column split: 1 group of 4 drawn for val (seed 1).")


def test_names_of_images_are_no_names_of_patients(tmp_path):
    rows = [(name, f"m{name}.png") for name in ("1", "01", "IM1", "im1", "a_1.png", "A1.png")]
    cases = complete_table(write(tmp_path / "in", ["image", "mask"], rows), tmp_path / "out", seed=1)
    assert sum(cases.groups.values()) == 6
    assert list(find_group_faults(read(cases), cases.table)) == []


def test_a_patient_of_whom_one_picture_has_no_class_is_in_one_split_alone(tmp_path):
    rows = [(*row, "train" if n < 8 else "val") for n, row in enumerate(LABELLED)]
    table = write(tmp_path / "in", ["image", "pathology", "patient", "split"], [*rows, ("x.png", "", "p0", "train")])
    completed = complete_table(table, tmp_path / "out", 1, "pathology", CLASSES)
    write_completed(completed)
    assert list(find_group_faults(read_csv(completed.table), completed.table)) == []


def test_rows_without_a_mask_are_left_out_and_counted(tmp_path, caplog):
    table = write(tmp_path / "in", ["image", "mask", "patient"], [*PATIENTS, ("x.png", "", "p9")])
    with caplog.at_level(logging.WARNING):
        cases = complete_table(table, tmp_path / "out", seed=1)
    assert "1 row without a mask left out." in cases.notes
    assert (sum(cases.images.values()), read(cases)["mask"].tolist()[-1]) == (16, "")


@pytest.mark.parametrize(
    ("columns", "rows", "says"),
    [
        (["image", "label"], [("a.png", "b.png")], "lacks the columns mask"),
        (["image", "mask"], [("a.png", "")], "no row with a mask; needed some"),
        (["image", "mask"], [("a.png", "m.png")], "1 group and no column split; needed 2"),
        (["image", "mask", "split"], [("a.png", "m.png", "train")], "no row with a mask in split 'val'"),
        (["image", "mask", "split"], [("a.png", "m.png", "val")], "no row with a mask in split 'train'"),
    ],
)  # fmt: skip
def test_a_table_that_teaches_nothing_is_refused(columns, rows, says, tmp_path):
    with pytest.raises(TableError, match=says):
        complete_table(write(tmp_path / "in", columns, rows), tmp_path / "out", seed=1)


CLASSES = ["benign", "malignant"]
LABELLED = [(f"{n}.png", CLASSES[n % 2], f"p{n}") for n in range(16)]


def test_classes_are_counted_by_split_and_rows_without_one_are_left_out_of_every_split(tmp_path):
    rows = [*LABELLED, ("x.png", "", "p99")]
    table = write(tmp_path / "in", ["image", "pathology", "patient"], rows)
    cases = complete_table(table, tmp_path / "out", 1, "pathology", CLASSES)
    assert {split: sum(counts.values()) for split, counts in cases.classes.items()} == {"train": 12, "val": 4}
    assert "16 images with a pathology: " in str(cases)
    assert "1 row without a pathology left out." in cases.notes
    assert read(cases).iloc[-1].tolist() == ["", "", "", ""]


@pytest.mark.parametrize("seed", range(6))
def test_a_rare_class_is_in_both_splits_that_are_drawn(seed, tmp_path):
    rows = [(f"{n}.png", "malignant" if n < 3 else "benign", f"p{n}") for n in range(40)]
    table = write(tmp_path / "in", ["image", "pathology", "patient"], rows)
    counts = complete_table(table, tmp_path / "out", seed, "pathology", CLASSES).classes
    assert (counts["train"]["malignant"], counts["val"]["malignant"]) == (2, 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {3: "maligant", 5: "maligant", 6: "", 7: "cyst"},
            r"has 2 mistakes: row 4 and 1 other row, pathology 'maligant'; row 8, pathology 'cyst'\. "
            r"Needed one of benign, malignant\. Correct",
        ),
        (
            dict.fromkeys(range(16), "benign"),
            "no pathology malignant in split 'train'; needed every class",
        ),
    ],
)
def test_a_class_that_is_not_there_or_not_known_is_refused(change, says, tmp_path):
    rows = [(image, change.get(n, label), patient) for n, (image, label, patient) in enumerate(LABELLED)]
    with pytest.raises(TableError, match=says):
        complete_table(
            write(tmp_path / "in", ["image", "pathology", "patient"], rows), tmp_path / "out", 1, "pathology", CLASSES
        )


@pytest.mark.parametrize(
    ("classes", "written", "meant"),
    [
        (CLASSES, "Malignant", "malignant"),
        (CLASSES, "MALIGNANT ", "malignant"),
        (["3", "4"], "4.0", "4"),
        (["simple_cyst", "theca_cell_tumor"], "Theca-cell tumor", "theca_cell_tumor"),
    ],
)
def test_a_class_is_read_as_the_only_one_that_is_meant_and_it_is_said(classes, written, meant, tmp_path, caplog):
    rows = [(f"{n}.png", [classes[0], written][n % 2], f"p{n}") for n in range(16)]
    table = write(tmp_path / "in", ["image", "kind", "patient"], rows)
    cases = complete_table(table, tmp_path / "out", 1, "kind", classes)
    assert read(cases)["kind"].tolist() == [classes[0], meant] * 8
    assert f"is read with kind {meant} for {written.strip()!r}." in caplog.text


def test_a_class_that_could_be_two_is_refused(tmp_path):
    rows = [(f"{n}.png", ["a b", "ab", "A_B"][n % 3], f"p{n}") for n in range(16)]
    table = write(tmp_path / "in", ["image", "kind", "patient"], rows)
    with pytest.raises(TableError, match=r"has 1 mistake: row 3 and 4 other rows, kind 'A_B'\. Needed one of a b, ab"):
        complete_table(table, tmp_path / "out", 1, "kind", ["a b", "ab"])
