"""AUITD to a table: classes and splits by the names of folders, whatever their depth and case."""

import pytest
from small_layouts import save_picture

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table


def test_its_table_is_one_to_train_from(auitd, write, tmp_path):
    write("auitd")
    items = read_table(tmp_path / "out", "test", masks=False, columns=["pathology"])
    assert [item["pathology"] for item in items] == ["benign", "malignant", "normal"]
    assert [item["group"] for item in items] == [
        f"auitd/test/{name}.png" for name in ("benign/b0", "malignant/b1", "normal thyroid/b2")
    ]
    assert read_table(tmp_path / "out", "train", masks=False)


def test_a_tenth_of_train_is_drawn_for_val_and_test_stays(auitd, write, rows):
    said = str(write("auitd"))
    assert rows()["split"].value_counts().to_dict() == {"train": 9, "val": 1, "test": 3}
    assert rows()["split"].tolist()[-3:] == ["test"] * 3
    assert "Test is that of the data set; val is a tenth of its train, drawn over groups by seed 0." in said


def test_without_folders_of_splits_all_are_drawn(folder, write, rows):
    for number in range(10):
        save_picture(folder / "THYROID" / ("Benign nodule", "Malignant")[number % 2] / f"{number}.JPG", number)
    write("auitd")
    assert rows()["split"].value_counts().to_dict() == {"train": 7, "val": 1, "test": 2}
    assert rows()["pathology"].value_counts().to_dict() == {"benign": 5, "malignant": 5}


def test_the_innermost_folder_that_names_one_class_counts(auitd, write, rows):
    save_picture(auitd / "train" / "benign, malignant and normal" / "malignant" / "c.jpg", 50)
    save_picture(auitd / "train" / "normal" / "benign" / "f.jpg", 53)
    save_picture(auitd / "train" / "abnormal" / "d.jpg", 51)
    save_picture(auitd / "train" / "e.jpg", 52)
    written = write("auitd")
    assert rows().loc[["c", "f"], "pathology"].tolist() == ["malignant", "benign"]
    assert [one.source for one in written.set_aside] == ["train/abnormal/d.jpg", "train/e.jpg"]
    assert "lies in no folder of benign, malignant or normal pictures" in str(written)


def test_a_folder_without_classes_is_refused(ddti, write):
    with pytest.raises(TableError, match="has no picture in a folder whose name holds benign, malignant or normal"):
        write("auitd")
