"""What all layouts have in common: copies, refusals, the list of what was left out, and the command."""

import shutil

import pandas as pd
import pytest
from PIL import Image
from small_layouts import save_picture
from typer.testing import CliRunner

from echocare_core.cli import app
from echocare_core.errors import OutputError, SettingsError, TableError
from echocare_core.frames.manifest import read_table
from echocare_core.layouts import write_table
from echocare_core.layouts.registry import LAYOUTS


def test_a_copy_in_test_stays_and_the_one_in_train_is_left_out(auitd, write, rows, tmp_path):
    shutil.copy(auitd / "test" / "benign" / "b0.png", auitd / "Train" / "Benign" / "copy.png")
    (one,) = write("auitd").set_aside
    assert one.source == "Train/Benign/copy.png"
    assert one.reason == "shows the same picture as test/benign/b0.png, which is used."
    assert "copy" not in rows().index
    assert len(read_table(tmp_path / "out", "test", masks=False)) == 3


def test_a_picture_that_was_saved_anew_is_a_copy_too(auitd, write):
    Image.open(auitd / "Train" / "Benign" / "a0.jpg").save(auitd / "Train" / "Benign" / "z.png")
    assert [one.source for one in write("auitd").set_aside] == ["Train/Benign/z.png"]


def test_copies_in_two_classes_are_all_left_out(auitd, write, rows):
    shutil.copy(auitd / "test" / "benign" / "b0.png", auitd / "Train" / "MALIGNANT" / "copy.png")
    reasons = {one.source: one.reason for one in write("auitd").set_aside}
    assert reasons == {
        "Train/MALIGNANT/copy.png": "shows what another picture shows, as malignant.",
        "test/benign/b0.png": "shows what another picture shows, as benign.",
    }
    assert not {"copy", "b0"} & set(rows().index)


def test_blank_pictures_are_no_copies_of_each_other(auitd, write):
    for number in range(2):
        Image.new("L", (64, 64)).save(auitd / "Train" / "Benign" / f"blank{number}.png")
    assert write("auitd").set_aside == ()


def test_what_was_left_out_is_listed_in_full_and_told_by_the_first_ten(auitd, write, tmp_path):
    for number in range(12):
        (auitd / "Train" / "Benign" / f"=x{number:02d}.jpg").write_text("no picture")
    said = str(write("auitd"))
    listed = pd.read_csv(tmp_path / "out" / "set_aside.csv")
    assert listed["source"].tolist() == [f"Train/Benign/=x{number:02d}.jpg" for number in range(12)]
    assert listed["reason"].str.startswith("is not DICOM, PNG, JPEG").all()
    assert "12 left out, listed in set_aside.csv: Train/Benign/=x00.jpg is not DICOM" in said
    assert "and 2 more." in said


def test_a_value_of_the_data_set_is_no_formula_in_a_spreadsheet(ddti, write, rows):
    (ddti / "2.xml").write_text("<case><tirads>=1+1</tirads></case>")
    write("ddti")
    assert rows().loc["2_1", "tirads"] == "'=1+1"


def test_a_table_that_is_there_is_kept_unless_it_may_be_replaced(auitd, write, rows, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "table.csv").write_text("mine")
    with pytest.raises(TableError, match=r"out has a table.csv; .* or give --overwrite"):
        write("auitd")
    assert (tmp_path / "out" / "table.csv").read_text() == "mine"
    write("auitd", overwrite=True)
    assert len(rows()) == 13


def test_nothing_is_written_where_it_is_refused(folder, write, tmp_path):
    folder.mkdir()
    for layout in LAYOUTS:
        with pytest.raises(TableError):
            write(layout)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [".", "test/mine"])
def test_the_data_set_is_not_written_into(auitd, name):
    with pytest.raises(OutputError, match="is the data set or lies in it"):
        write_table("auitd", auitd, auitd / name)


def test_a_file_in_the_place_of_the_folder_is_refused(auitd, write, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="A file has that name: choose a folder"):
        write("auitd")


def test_too_few_groups_to_draw_from_are_refused(folder, write):
    for number in range(2):
        save_picture(folder / "benign" / f"{number}.jpg", number)
    with pytest.raises(TableError, match="has 2 groups to draw train, val, test from"):
        write("auitd")


def test_a_folder_that_is_not_there_is_refused(write):
    with pytest.raises(TableError, match="data is no folder"):
        write("tn3k")


def test_an_unknown_layout_is_told_those_that_there_are(auitd, write):
    with pytest.raises(SettingsError, match="no layout 'tn4k'; needed one of auitd, ddti, tn3k, tn5000, usenhance"):
        write("tn4k")


def test_the_command_says_what_it_found_in_a_line_for_each_fact(tn3k, tmp_path):
    (tn3k / "test-mask" / "0000.jpg").unlink()
    ran = CliRunner().invoke(app, ["table", "TN3K", str(tn3k), str(tmp_path / "out"), "--seed", "3"])
    assert ran.exit_code == 0, ran.output
    assert ran.output.splitlines() == [
        f"6 pictures of tn3k in {tmp_path / 'out' / 'table.csv'}.",
        "train: 3 pictures in 3 groups, 2 benign, 1 malignant.",
        "val: 1 picture in 1 group, 1 malignant.",
        "test: 2 pictures in 2 groups, 1 benign, 1 malignant.",
        f"5 masks in {tmp_path / 'out' / 'masks'}; 1 without a mask.",
        "Patients are not known: every picture is a group of its own, so pictures of one patient may stand in two "
        "splits.",
        "Splits are those of the data set.",
    ]
    again = CliRunner().invoke(app, ["table", "tn3k", str(tn3k), str(tmp_path / "out")])
    assert again.exit_code == 1
    assert isinstance(again.exception, TableError)
    assert CliRunner().invoke(app, ["table", "tn3k", str(tn3k), str(tmp_path / "out"), "--overwrite"]).exit_code == 0


def test_help_names_every_layout():
    helped = CliRunner().invoke(app, ["table", "--help"], env={"COLUMNS": "200"}).output
    assert [name for name in LAYOUTS if name not in helped] == []
