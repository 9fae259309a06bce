"""Tables as spreadsheets and people write them are read as they are meant, and one line says so."""

from pathlib import Path

import pytest

from echocare_core.errors import TableError
from echocare_core.frames.manifest import read_csv, read_table

PLAIN = "image,mask,group,split,pixel_mm\nim/a.png,b.png,1,train,0.25\nim/c.png,b.png,2,val,0.5\n"


@pytest.fixture
def items(tmp_path):
    """Reads a table of given bytes or text, beside the files it may name: (image, pixel_mm, group) of a split."""
    (tmp_path / "im").mkdir()
    for name in ("im/a.png", "im/c.png", "b.png"):
        (tmp_path / name).touch()

    def read(content, split="train", **arguments):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "table.csv").write_bytes(data)
        rows = read_table(tmp_path, split, **arguments)
        return [(Path(row["image"]).relative_to(tmp_path).as_posix(), row["pixel_mm"], row["group"]) for row in rows]

    return read


VARIANTS = {
    "semicolons and decimal commas": (
        PLAIN.replace(",", ";").replace("0.25", "0,25").replace("0.5", "0,5"),
        ["semicolons between the cells", "decimal commas in pixel_mm"],
    ),
    "tabs": (PLAIN.replace(",", "\t"), ["tabs between the cells"]),
    "a separator that is named": ("sep=;\n" + PLAIN.replace(",", ";"), ["semicolons between the cells"]),
    "UTF-16": (PLAIN.encode("utf-16"), ["UTF-16"]),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), ["UTF-16"]),
    "the lines of Windows": (PLAIN.replace("\n", "\r\n"), []),
    "a byte order mark": (PLAIN.encode("utf-8-sig"), []),
    "capitals": (
        PLAIN.replace("image", "Image").replace("pixel_mm", "Pixel MM"),
        ["image, pixel_mm for 'Image', 'Pixel MM'"],
    ),
    "capitals of splits": (PLAIN.replace("train", "Train"), ["split train for 'Train'"]),
    "another word for a split": (PLAIN.replace("train", "training"), ["split train for 'training'"]),
    "padded cells": (PLAIN.replace(",", " , "), ["blanks around cells left out"]),
    "backslashes": (PLAIN.replace("/", "\\"), ["backslashes in paths as slashes"]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_read_as_the_plain_one_and_says_how(name, items, caplog):
    content, notes = VARIANTS[name]

    assert items(content) == items(PLAIN) == [("im/a.png", 0.25, "1")]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == bool(notes)
    assert [note for note in notes if note not in said[0]] == []


def test_the_same_line_is_said_once(items, caplog):
    for split in ("train", "val"):
        items(PLAIN.replace(",", "\t"), split)

    assert len(caplog.records) == 1


def test_absolute_paths_may_stand_beside_relative_ones(items, tmp_path):
    content = PLAIN.replace("train", "val").replace("im/a.png", str(tmp_path / "im" / "a.png"))

    assert [image for image, _, _ in items(content, "val")] == ["im/a.png", "im/c.png"]


def test_another_word_for_a_split_beside_the_word_itself_is_another_split(items, caplog):
    content = PLAIN.replace("train", "validation")

    assert [image for image, _, _ in items(content, "val")] == ["im/c.png"]
    assert "split 'validation' left alone beside val" in caplog.text


def test_a_file_with_a_backslash_or_a_blank_in_its_name_is_found(items, tmp_path):
    (tmp_path / "d\\e.png ").touch()

    assert items(PLAIN.replace("im/a.png", "d\\e.png ")) == [("d\\e.png ", 0.25, "1")]


def test_a_comma_that_could_stand_for_a_thousand_is_refused(items):
    with pytest.raises(TableError, match=r"pixel_mm of im/a\.png is '1,234'"):
        items(PLAIN.replace(",", ";").replace("0.25", "1,234"))


@pytest.mark.parametrize(
    ("content", "todo"),
    [
        (PLAIN.replace("0.25", "0,25"), "one of the commas into quotes, or separate all cells by semicolons"),
        (PLAIN.replace(",", ";").replace("0.25", "0;25"), "one of the semicolons into quotes"),
        (PLAIN.replace("\n", "\n\n", 1).replace("0.25", '"0.25",x'), "one of the commas into quotes"),
    ],
)
def test_a_row_with_more_cells_than_columns_is_refused(items, content, todo):
    with pytest.raises(TableError, match=rf"has 1 mistake: row 1 has 6 cells for 5 columns\. Put each cell .* {todo}"):
        items(content)


def test_a_first_row_with_more_cells_than_columns_and_a_later_one_with_more_are_told_together(items):
    with pytest.raises(
        TableError, match=r"has 2 mistakes: row 1 has 6 cells for 5 columns; row 2 has 7 cells"
    ) as caught:
        items(PLAIN.replace("0.25", "0.25,x").replace("0.5", "0.5,x,y"))
    assert "\n" not in str(caught.value)


QUOTED = PLAIN.replace("0.5\n", '0.5\nim/c.png,b.png,"3",test,0.5\n')


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (PLAIN.replace("im/a", '"im/a'), "row 1"),
        (PLAIN.replace("im/c", '"im/c').rstrip(), "row 2"),
        (QUOTED.replace("im/a", '"im/a'), "row 1"),
        (PLAIN.replace("\n", "\n\n", 1).replace("train", '"train'), "row 1"),
        (PLAIN.replace("group", '"group'), "the line of the names of its columns"),
        (PLAIN.replace("\n", "\r").replace("im/a", '"im/a'), "row 1"),
        (PLAIN.replace("im/a", '"im/a') + "im/c.png,b.png,3,test,0.5\n" * 9000, "row 1"),
    ],
    ids=["to the end", "in the last row", "to another one", "below a blank line", "names", "lines of old", "too long"],
)
def test_a_quotation_mark_that_nothing_closes_is_refused_by_its_row(items, content, where):
    with pytest.raises(TableError, match=rf"opens a quotation mark in {where} that nothing closes \("):
        items(content)


def test_a_cell_in_quotes_may_have_lines_commas_and_quotes(tmp_path):
    (tmp_path / "table.csv").write_text('image,report\na.png,"one,\n\n""two""\n"\nb.png,12" probe\n', newline="")
    rows = read_csv(tmp_path / "table.csv", ("image",))
    assert rows["image"].tolist() == ["a.png", "b.png"]
    assert rows["report"].tolist() == ['one,\n\n"two"', '12" probe']


@pytest.mark.parametrize("rest", [",,,,\n" * 3, " , ,,, \n", ",,,,,,\n"])
def test_empty_rows_are_left_out(items, rest):
    assert items(PLAIN + rest) == items(PLAIN)


def test_rows_behind_an_empty_one_keep_their_numbers(items):
    with pytest.raises(TableError, match=r"has 1 mistake: row 3, image gone\.png is not there"):
        items(PLAIN.replace("im/c.png", "gone.png").replace("\nim/a", "\n,,,,\nim/a"), "val")


@pytest.mark.parametrize("begin", [b"PK\3\4\x14\0\6\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_workbook_under_the_name_of_a_table_is_named(items, begin):
    with pytest.raises(TableError, match=r"it is a workbook of Excel, or a ZIP file\. Save it as 'CSV UTF-8'\.$"):
        items(begin + bytes(5000))


def test_zero_bytes_are_told_in_a_short_sentence(items):
    with pytest.raises(TableError, match=r"it holds zero bytes, which no text has\. Save it as 'CSV UTF-8'\.$"):
        items(b"image" + bytes(5000))


@pytest.mark.parametrize(
    ("names", "twice"),
    [
        ("image,mask,group,split,split", "split;"),
        ("image,mask,group,split,Split", "that could be split;"),
        ("Image,mask,image,group,split", "that could be image;"),
    ],
)
def test_two_columns_of_one_name_are_refused(items, names, twice):
    with pytest.raises(TableError, match=rf"has more than one column {twice} needed one\. Rename"):
        items(PLAIN.replace("image,mask,group,split,pixel_mm", names))


def test_quoted_decimal_commas_and_empty_cells_behind_the_last_column_are_read(items):
    assert items(PLAIN.replace("0.25", '"0,25",,')) == items(PLAIN)


def test_two_columns_that_could_be_one_are_refused(items):
    with pytest.raises(TableError, match="more than one column that could be image"):
        items(PLAIN.replace("image,mask", "Image,mask,IMAGE"))


def test_columns_that_nobody_asked_for_keep_their_names_and_cells(tmp_path):
    (tmp_path / "table.csv").write_text('Image,BIRADS,note\na.png,4B,"1,5"\n')

    assert list(read_csv(tmp_path / "table.csv")) == ["image", "BIRADS", "note", "image_in_table"]
    assert read_csv(tmp_path / "table.csv").iloc[0].tolist() == ["a.png", "4B", "1,5", "a.png"]


@pytest.mark.parametrize("data", [b"image,group,split\n\xe4.png,1,train\n", b"", "image\n".encode("utf-16")[:-1]])
def test_what_cannot_be_text_in_a_known_encoding_is_refused(tmp_path, data):
    (tmp_path / "table.csv").write_bytes(data)
    with pytest.raises(TableError, match="is not a comma-separated UTF-8 table"):
        read_csv(tmp_path / "table.csv")


def test_a_letter_of_another_encoding_is_told_by_its_line(tmp_path):
    (tmp_path / "table.csv").write_bytes("image,group,split\na.png,1,train\nb.png,Größe,train\n".encode("latin-1"))
    with pytest.raises(TableError, match=r"table: line 3 has a letter in another encoding.*Save it as 'CSV UTF-8'"):
        read_csv(tmp_path / "table.csv")


@pytest.mark.parametrize("above", ["# exported", "Export of 2024;;", "My study\t\t"])
def test_a_line_above_the_names_of_the_columns_is_told(tmp_path, above):
    rows = "image;group;split\na.png;1;train\n"
    (tmp_path / "table.csv").write_text(f"{above}\n{rows}".replace(";", "\t" if "\t" in above else ";"))
    with pytest.raises(TableError, match=r"begins with a line that is not the names of the columns; .*Remove what"):
        read_csv(tmp_path / "table.csv")


@pytest.mark.parametrize("content", ["image\na;b.png\n", ",accession\n0,A1\n", "accession\nA1\n", "image,,\na.png,,\n"])
def test_a_table_of_one_column_begins_with_its_name(tmp_path, content):
    (tmp_path / "table.csv").write_text(content)
    assert len(read_csv(tmp_path / "table.csv")) == 1
