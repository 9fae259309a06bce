"""What the command `echocare inspect` prints."""

import json
import sys

import pytest
from typer.testing import CliRunner

from echocare_core.cli import app, main


def run(*arguments):
    result = CliRunner().invoke(app, ["inspect", *map(str, arguments), "--processes", "1"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_all_that_is_printed_on_demand(add, export):
    add("a", "P", frames=2)
    assert json.loads(run(export, "--json"))["usable"]["frames"] == 2


def test_the_tables_say_what_is_there_and_what_to_look_at(add, export):
    add("a", "", ManufacturerModelName="LOGIQ [E9]", frames=3)
    add("b", "", study="2")
    (export / "notes").write_text("nothing to see")
    shown = run(export)
    for words in ("3 files", "2 readable: 1 still, 1 cine, 4 frames", "2 readable files have a blank Patient ID"):
        assert words in shown
    assert "is not DICOM, PNG, JPEG" in shown
    assert "fetal_head_segmentation" in shown


def test_brackets_in_an_export_are_no_markup(add, export):
    add("a", "P", ManufacturerModelName="A+B")
    (export / "DICOMDIR").write_text("[bold]")
    assert "A+B" in run(export)


def test_no_file_name_is_shown(add, export):
    add("Quagmire_Zebulon/IM1", "P")
    (export / "Quagmire_Zebulon" / "notes.txt").write_text("nothing")
    assert "Quagmire" not in run(export) + run(export, "--json")


def test_tables_stand_in_the_folder_that_was_named(add, export, tmp_path):
    add("a", "P")
    run(export, "--out", tmp_path / "out", "--split", "1,0,0")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("table.csv", "set_aside.csv", "series.csv", "summary.json", "inventory.sqlite", "inventory.key"),
    }


@pytest.mark.parametrize("split", ["a,b,c", "0.5,0.5", "1"])
def test_a_split_that_is_none_is_one_sentence(export, split, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["echocare", "inspect", str(export), "--split", split])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("SettingsError: ")
