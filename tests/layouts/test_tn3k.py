"""TN3K to a table: the published fold, masks without JPEG's edges, classes where they are released."""

import json

import numpy as np
import pytest
from PIL import Image

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table


def test_its_table_is_one_to_train_from(tn3k, write, tmp_path):
    write("tn3k")
    items = read_table(tmp_path / "out", "train", columns=["pathology"])
    assert [item["image"] for item in items] == [str(tn3k / "trainval-image" / f"000{n}.jpg") for n in range(3)]
    assert [item["pathology"] for item in items] == ["benign", "malignant", "benign"]
    assert [item["group"] for item in items] == [f"tn3k/trainval/000{n}" for n in range(3)]


def test_splits_are_those_of_the_fold_and_the_test_part(tn3k, write, rows):
    said = str(write("tn3k"))
    assert rows()["split"].tolist() == ["train"] * 3 + ["val"] + ["test"] * 2
    assert "Splits are those of the data set." in said
    assert "train: 3 pictures in 3 groups, 2 benign, 1 malignant." in said
    assert "Patients are not known" in said


def test_masks_have_the_values_0_and_1_alone(tn3k, write, mask_of):
    edges = np.unique(np.asarray(Image.open(tn3k / "trainval-mask" / "0003.jpg")))
    write("tn3k")
    mask = mask_of("0003")
    assert len(edges) > 2
    assert np.unique(mask).tolist() == [0, 1]
    assert (mask == 1).sum() == 21 * 21
    assert mask[20:41, 10:31].all()


@pytest.mark.parametrize(
    "lines", ["name,label\n0000.jpg,0\n1,1\n", "0000;0\n0001;1\n", "\ufefftrainval-image/0000.jpg\t0.0\n1.jpg\t1.0\n"]
)
def test_classes_are_read_however_they_are_written(tn3k, write, rows, lines):
    (tn3k / "label4trainval.csv").write_text(lines, encoding="utf-8")
    said = str(write("tn3k"))
    assert rows()["pathology"].tolist() == ["benign", "malignant", "", "", "malignant", "benign"]
    assert "1 benign, 1 malignant, 1 without pathology" in said


def test_without_classes_the_table_has_no_such_column(tn3k, write, rows):
    for path in tn3k.glob("label4*.csv"):
        path.unlink()
    said = str(write("tn3k"))
    assert rows().columns.tolist() == ["image", "mask", "group", "split"]
    assert "benign" not in said
    assert "without pathology" not in said


@pytest.mark.parametrize("lines", ["0000.jpg,2\n", "name,label\n0000.jpg,yes\n", "0000.jpg,0\n0000.jpg,1\n"])
def test_a_class_that_is_none_is_refused_by_its_line(tn3k, write, lines):
    (tn3k / "label4trainval.csv").write_text(lines)
    with pytest.raises(TableError, match=r"label4trainval.csv, line \d is 0000.jpg,.+0 for benign or 1 for malignant"):
        write("tn3k")


def test_without_the_fold_a_part_of_trainval_is_drawn_for_val(tn3k, write, rows):
    (tn3k / "tn3k-trainval-fold0.json").unlink()
    said = str(write("tn3k"))
    assert sorted(rows()["split"][:4]) == ["train", "train", "train", "val"]
    assert rows()["split"].tolist()[4:] == ["test", "test"]
    assert "val is a tenth of its train, drawn over groups by seed 0" in said


@pytest.mark.parametrize("text", ["[1, 2]", '{"train": [0]}', '{"train": 0, "val": [1]}', "{", "[" * 100_000])
def test_a_damaged_fold_is_refused(tn3k, write, text):
    (tn3k / "tn3k-trainval-fold0.json").write_text(text)
    with pytest.raises(TableError, match=r"fold0.json is damaged.*Download it again"):
        write("tn3k")


def test_a_picture_in_both_splits_of_the_fold_is_refused(tn3k, write):
    (tn3k / "tn3k-trainval-fold0.json").write_text(json.dumps({"train": [0, 1, 2], "val": [2, 3]}))
    with pytest.raises(TableError, match="has 2 in train and in val"):
        write("tn3k")


def test_what_cannot_be_used_is_left_out_by_name(tn3k, write, rows):
    (tn3k / "tn3k-trainval-fold0.json").write_text(json.dumps({"train": [0, 1, 7], "val": [3]}))
    Image.new("L", (60, 64)).save(tn3k / "trainval-mask" / "0001.jpg")
    (tn3k / "test-image" / "0000.jpg").write_bytes(b"\xff\xd8\xff and no more")
    written = write("tn3k")
    assert rows().index.tolist() == ["0000", "0003", "0001"]
    assert {one.source: one.reason for one in written.set_aside} == {
        "trainval-image/0001.jpg": "has 64 x 64 pixels and a mask of 60 x 64.",
        "trainval-image/0002.jpg": "is neither in train nor in val of tn3k-trainval-fold0.json.",
        "trainval-image/0007.jpg": "is in tn3k-trainval-fold0.json and not there. Download it again.",
        "test-image/0000.jpg": "is a damaged PNG or JPEG picture. Copy or export it again.",
    }


def test_a_picture_without_a_mask_stays_and_a_mask_without_a_picture_does_not(tn3k, write, rows):
    (tn3k / "trainval-mask" / "0001.jpg").unlink()
    (tn3k / "test-image" / "0001.jpg").unlink()
    written = write("tn3k")
    assert rows()["mask"].tolist() == ["masks/trainval-0000.png", ""] + [
        f"masks/{name}.png" for name in ("trainval-0002", "trainval-0003", "test-0000")
    ]
    assert [one.source for one in written.set_aside] == ["test-mask/0001.jpg"]
    assert "4 masks in" in str(written)
    assert "1 without a mask." in str(written)


def test_a_folder_of_another_layout_is_refused_by_what_is_missing(tn5000, write):
    with pytest.raises(TableError, match="has no trainval-image and no trainval-mask and no test-image"):
        write("tn3k")
