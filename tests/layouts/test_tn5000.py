"""TN5000 to a table: the published lists and classes, no boxes."""

import pytest
from small_layouts import save_picture, save_text

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table


def annotation(*names):
    return "<annotation>" + "".join(f"<object><name>{name}</name></object>" for name in names) + "</annotation>"


def test_its_table_is_one_to_train_from(tn5000, write, tmp_path):
    said = str(write("tn5000"))
    items = read_table(tmp_path / "out", "train", masks=False, columns=["pathology"])
    assert [(item["group"], item["pathology"]) for item in items] == [
        ("tn5000/000001", "benign"),
        ("tn5000/000002", "malignant"),
    ]
    assert "Splits are those of the data set." in said
    assert "test: 2 pictures in 2 groups, 1 benign, 1 malignant." in said
    assert "mask" not in said
    assert not (tmp_path / "out" / "masks").exists()


def test_without_all_lists_the_splits_are_drawn_anew(tn5000, write, rows):
    (tn5000 / "ImageSets" / "Main" / "test.txt").unlink()
    said = str(write("tn5000"))
    assert rows()["split"].value_counts().to_dict() == {"train": 4, "val": 1, "test": 1}
    assert "20 % test (those of the data set, train, val alone, are not used)." in said


def test_a_picture_in_two_lists_is_refused(tn5000, write):
    (tn5000 / "ImageSets" / "Main" / "val.txt").write_text("000002.jpg\n")
    with pytest.raises(TableError, match="has 000002 in two of its lists"):
        write("tn5000")


@pytest.mark.parametrize(
    ("names", "found"), [((), "none"), (("0", "1"), "0, 1"), (("nodule",), "nodule"), (("1", "1"), None)]
)
def test_a_picture_has_the_one_class_of_its_nodules_or_is_left_out(tn5000, write, rows, names, found):
    save_text(tn5000 / "Annotations" / "000001.xml", annotation(*names))
    reasons = {one.source: one.reason for one in write("tn5000").set_aside}
    if found is None:
        assert reasons == {}
        assert rows().loc["000001", "pathology"] == "malignant"
    else:
        assert list(reasons) == ["JPEGImages/000001.jpg"]
        assert f"has the classes {found} in 000001.xml" in reasons["JPEGImages/000001.jpg"]


def test_what_cannot_be_used_is_left_out_by_name(tn5000, write, rows):
    (tn5000 / "JPEGImages" / "000002.jpg").unlink()
    (tn5000 / "Annotations" / "000003.xml").unlink()
    save_text(tn5000 / "Annotations" / "000004.xml", "<!DOCTYPE a><annotation/>")
    save_picture(tn5000 / "JPEGImages" / "000009.jpg", 9)
    save_text(tn5000 / "Annotations" / "000009.xml", annotation("0"))
    save_picture(tn5000 / "JPEGImages" / "000010.jpg", 10)
    save_text(tn5000 / "Annotations" / "000010.xml", annotation("0"))
    save_text(tn5000 / "ImageSets" / "Main" / "val.txt", "000003\n000004\n000010\n")
    reasons = {one.source.partition("/")[2]: one.reason for one in write("tn5000").set_aside}
    assert rows().index.tolist() == ["000001", "000005", "000006", "000010"]
    assert reasons == {
        "000002.jpg": "is named by the data set and not there. Download it again.",
        "000003.jpg": "has no document in Annotations. Download it again.",
        "000004.jpg": "has the document 000004.xml, which has a DOCTYPE, which no annotation needs. Leave it out.",
        "000009.jpg": "is in no split of the data set.",
    }


def test_a_folder_of_another_layout_is_refused_by_what_is_missing(tn3k, write):
    with pytest.raises(TableError, match="has no Annotations and no JPEGImages; tn5000 needs the folders"):
        write("tn5000")
