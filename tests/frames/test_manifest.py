"""Tables of images and labels: each rule of the format, and each way to break it."""

import math
from pathlib import Path

import pytest

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_table

HEADER = "image,mask,group,split,pixel_mm,birads\n"


@pytest.fixture
def table(tmp_path):
    """Writes a table, and an empty file for each image and mask that it may name."""

    def write(text: str, encoding: str = "utf-8") -> Path:
        for name in ("a.png", "b.png", "c.png", "a_mask.png", "b_mask.png"):
            (tmp_path / name).touch()
        (tmp_path / "table.csv").write_text(text, encoding=encoding)
        return tmp_path / "table.csv"

    return write


def refused(match):
    return pytest.raises(TableError, match=match)


def test_a_row_becomes_an_item(table, tmp_path):
    (item,) = read_table(table(HEADER + "a.png,a_mask.png,007,train,0.25,4b\n"), "train")
    mask = str(tmp_path / "a_mask.png")
    assert item == {
        "image": str(tmp_path / "a.png"),
        "image_in_table": "a.png",
        "mask": mask,
        "label": mask,
        "group": "007",
        "pixel_mm": 0.25,
    }


def test_only_the_rows_of_the_split_are_kept(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,,\nb.png,b_mask.png,2,val,,\n")
    assert [Path(item["image"]).name for item in read_table(path, "val")] == ["b.png"]


def test_a_folder_stands_for_the_table_in_it(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,0.1,\n")
    assert read_table(path.parent, "train") == read_table(str(path), "train")


def test_rows_without_a_mask_are_left_out_and_counted(table, caplog):
    path = table(HEADER + "a.png,a_mask.png,1,train,,\nb.png,,2,train,,\n")
    assert len(read_table(path, "train")) == 1
    assert "1 of 2 rows of the split train have no mask and are left out." in caplog.text


def test_rows_without_a_mask_are_kept_where_no_mask_is_wanted(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,,\nb.png,,2,train,,\n")
    items = read_table(path, "train", masks=False)
    assert [set(item) for item in items] == [{"image", "image_in_table", "group", "pixel_mm"}] * 2


def test_no_mask_column_is_needed_where_no_mask_is_wanted(table):
    assert len(read_table(table("image,group,split\na.png,1,test\n"), "test", masks=False)) == 1


def test_all_rows_are_kept_with_the_masks_that_are_there_where_masks_are_welcome(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,,\nb.png,,2,train,,\n")
    items = read_table(path, "train", masks=None)
    assert [Path(item["mask"]).name for item in items] == ["a_mask.png", ""]
    assert "mask" not in read_table(table("image,group,split\na.png,1,test\n"), "test", masks=None)[0]


def test_a_mask_that_is_welcome_and_not_there_is_refused(table):
    with pytest.raises(TableError, match=r"row 1, mask gone\.png is not there"):
        read_table(table(HEADER + "a.png,gone.png,1,train,,\n"), "train", masks=None)


def test_further_columns_are_carried_as_they_stand(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,,4b\nb.png,b_mask.png,2,train,,\n")
    assert [item["birads"] for item in read_table(path, "train", columns=["birads"])] == ["4b", ""]


def test_a_column_that_a_table_may_be_without_is_carried_where_it_is(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,,4b\n")
    [item] = read_table(path, "train", optional=["birads", "age"])
    assert item["birads"] == "4b"
    assert "age" not in item


def test_masks_between_semicolons_stand_beside_the_table_each(table, tmp_path):
    (item,) = read_table(table(HEADER + "a.png,a_mask.png; b_mask.png,1,train,,\n"), "train")
    assert item["mask"] == item["label"] == f"{tmp_path / 'a_mask.png'};{tmp_path / 'b_mask.png'}"


def test_a_picture_with_nothing_to_find_is_kept_and_needs_no_file(table):
    (item,) = read_table(table(HEADER + "a.png,nothing,1,train,,\nb.png,,2,train,,\n"), "train")
    assert (Path(item["image"]).name, item["mask"], item["label"]) == ("a.png", "nothing", "nothing")


def test_of_masks_between_semicolons_those_that_are_missing_are_named(table):
    path = table(HEADER + "a.png,a_mask.png;gone.png;away.png,1,train,,\n")
    with refused(r"has 2 mistakes: row 1, mask gone\.png is not there; row 1, mask away\.png is not there"):
        read_table(path, "train")


def test_a_mask_whose_own_name_holds_a_semicolon_is_found(table, tmp_path):
    (tmp_path / "a;b.png").touch()
    (item,) = read_table(table(HEADER + "a.png,a;b.png,1,train,,\n"), "train")
    assert item["mask"] == str(tmp_path / "a;b.png")


def test_an_image_is_one_file_whatever_its_name(table):
    with refused(r"row 1, image a\.png;b\.png is not there"):
        read_table(table(HEADER + "a.png;b.png,a_mask.png,1,train,,\n"), "train")


def test_a_path_of_another_computer_is_called_so(table):
    with refused(r"row 1, image C:/x/a\.png is a path of another computer; row 1, mask https://x/a\.png is a URL, and"):
        read_table(table(HEADER + "C:\\x\\a.png,https://x/a.png,1,train,,\n"), "train")


def test_masks_with_backslashes_may_be_many(table, tmp_path):
    names = [f"{number:02d}{'x' * 40}.png" for number in range(10)]
    (tmp_path / "m").mkdir()
    for name in names:
        (tmp_path / "m" / name).touch()
    cell = ";".join(f"m\\{name}" for name in names)
    (item,) = read_table(table(HEADER + f"a.png, {cell},1,train,,\n"), "train")
    assert item["mask"] == ";".join(str(tmp_path / "m" / name) for name in names)


@pytest.mark.parametrize("written", ["", "nan", " "])
def test_an_unknown_pixel_size_is_nan(table, written):
    assert math.isnan(read_table(table(HEADER + f"a.png,a_mask.png,1,train,{written},\n"), "train")[0]["pixel_mm"])


def test_a_table_without_pixel_sizes_has_nan(table):
    path = table("image,mask,group,split\na.png,a_mask.png,1,train\n")
    assert math.isnan(read_table(path, "train")[0]["pixel_mm"])


@pytest.mark.parametrize("written", ["0", "-0.2", "inf", "1e12", "120", '"1,234"', "0.2 mm"])
def test_a_pixel_size_that_is_no_length_is_refused(table, written):
    with refused(r"pixel_mm of a\.png is '.*', needed millimetres from 0\.001 to 5,"):
        read_table(table(HEADER + f"a.png,a_mask.png,1,train,{written},\n"), "train")


def test_the_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_first_column(table):
    assert read_table(table(HEADER + "a.png,a_mask.png,1,train,,\n", encoding="utf-8-sig"), "train")


def test_a_line_that_ends_early_has_empty_cells(table):
    path = table(HEADER + "a.png,a_mask.png,1,train\nb.png,b_mask.png,2,train,0.1,3\n")
    items = read_table(path, "train", columns=["birads"])
    assert [item["birads"] for item in items] == ["", "3"]


def test_a_comma_at_the_end_of_each_line_shifts_no_column(table):
    path = table("image,mask,group,split\na.png,a_mask.png,1,train,\n")
    assert [item["group"] for item in read_table(path, "train")] == ["1"]


def test_na_is_a_name_like_any_other(table):
    assert read_table(table(HEADER + "a.png,a_mask.png,NA,train,,\n"), "train")[0]["group"] == "NA"


def test_no_table_is_refused(tmp_path):
    with refused("No table at .*; needed a CSV with the columns image, group, split"):
        read_table(tmp_path / "table.csv", "train")


@pytest.mark.parametrize("content", [b"", b"image,mask\na,b\n", b"image,\xff\xfe\n"])
def test_what_is_no_csv_in_utf_8_is_refused(tmp_path, content):
    (tmp_path / "table.csv").write_bytes(content)
    with refused("is not a comma-separated UTF-8 table|lacks the columns"):
        read_table(tmp_path, "train")


@pytest.mark.parametrize("column", ["image", "mask", "group", "split"])
def test_a_missing_column_is_refused_by_name(table, column):
    with refused(f"lacks the columns {column} "):
        read_table(table(HEADER.replace(column, "other") + "a.png,a_mask.png,1,train,,\n"), "train")


def test_a_missing_further_column_is_refused_by_name(table):
    with refused("lacks the columns histology "):
        read_table(table(HEADER + "a.png,a_mask.png,1,train,,\n"), "train", columns=["histology"])


def test_a_group_in_two_splits_is_refused_by_the_numbers_of_its_rows(table):
    text = "a.png,a_mask.png,P8,train,,\nb.png,b_mask.png,P7,train,,\nc.png,,P7,test,,\n"
    with refused(r"has 1 mistake: rows 2 and 3 are one group in the splits train, test\.") as caught:
        read_table(table(HEADER + text), "train")
    assert "P7" not in str(caught.value)


@pytest.mark.parametrize("group", ["", " "])
def test_a_row_without_a_group_is_refused_by_its_number(table, group):
    with refused(r"row 2 has no group"):
        read_table(table(HEADER + f"a.png,a_mask.png,1,train,,\nb.png,,{group},train,,\n"), "train")


def test_a_picture_in_two_groups_is_refused_by_its_rows(table):
    text = "a.png,a_mask.png,P1,train,,\nb.png,,P2,val,,\n./a.png,a_mask.png,P3,test,,\n"
    with refused(r"rows 1 and 3 name one picture in several groups, a\.png") as caught:
        read_table(table(HEADER + text), "train")
    assert "P3" not in str(caught.value)


def test_all_mistakes_are_told_at_once_and_the_first_ten_by_name(table):
    rows = "".join(f"gone{n}.png,a_mask.png,{n},train,,\n" for n in range(8))
    text = HEADER + rows + "a.png,a_mask.png,,train,,\nb.png,gone.png,9,train,-1,\nc.png,b_mask.png,10,train,x,\n"
    with refused(r"12 mistakes: row 9 has no group; row 1, image gone0\.png is not there; .*; and 2 more\.") as caught:
        read_table(table(text), "train")
    assert "Correct these rows, counted from 1" in str(caught.value)
    assert str(caught.value).count(";") == 11


def test_a_split_without_rows_is_refused_with_those_that_have_some(table):
    with refused(r"no row with a mask in split 'tset' \(found train: 2, val: 1\)"):
        read_table(table(HEADER + "a.png,,1,train,,\nb.png,,1,train,,\nc.png,,2,val,,\n"), "tset")


def test_a_split_without_masks_is_refused(table):
    with refused("no row with a mask in split 'train'"):
        read_table(table(HEADER + "a.png,,1,train,,\n"), "train")


def test_a_table_of_one_line_is_refused(table):
    with refused("found no rows"):
        read_table(table(HEADER), "train")


@pytest.mark.parametrize("row", ["gone.png,a_mask.png", "a.png,gone.png"])
def test_a_file_that_is_not_there_is_refused_by_name(table, row):
    with refused(r"has 1 mistake: row 1, (image|mask) gone\.png is not there\."):
        read_table(table(HEADER + f"{row},1,train,,\n"), "train")


@pytest.mark.parametrize("split", ["train", "val"])
def test_mistakes_of_train_and_val_are_told_together(table, split):
    def check(item):
        if item["group"] == "3":
            raise TableError("Mask b_mask.png has shape (2, 2).")

    path = table(HEADER + "gone.png,a_mask.png,1,train,,\na.png,gone.png,2,val,-1,\nb.png,b_mask.png,3,val,,\n")
    with refused(r"4 mistakes: row 1, image gone\.png .*; row 2, mask gone\.png .*row 3, Mask b_mask\.png has shape"):
        read_table(path, split, check=check)


def test_a_number_that_is_none_is_told_once(table):
    with refused("has 1 mistake: row 1, pixel_mm"):
        read_table(table(HEADER + "a.png,a_mask.png,1,train,-1,\n"), "train")


def test_a_file_missing_from_another_split_does_not_matter(table):
    path = table(HEADER + "a.png,a_mask.png,1,train,,\ngone.png,gone.png,2,test,,\n")
    assert len(read_table(path, "train")) == 1
