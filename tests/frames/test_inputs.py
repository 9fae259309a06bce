"""What is given to read is found: paths and patterns, one or several, each file once and under one name."""

import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_export
from echocare_core.frames.listed import open_export
from echocare_core.frames.read import FORMATS


@pytest.fixture
def folder(tmp_path):
    """Two folders with two files each, and a text file."""
    for name in ("A/1.dcm", "A/2.dcm", "B/1.dcm", "B/deep/2.dcm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_ultrasound(tmp_path / name, marked())
    (tmp_path / "B" / "notes").write_text("nothing to see")
    return tmp_path


def sources_of(*given):
    export = read_export(given)
    return [export.source_of(frames) for frames in export.files]


def test_several_inputs_are_read_in_the_order_in_which_they_were_given(folder):
    assert sources_of(folder / "B", folder / "A") == ["B/1.dcm", "B/deep/2.dcm", "A/1.dcm", "A/2.dcm"]
    assert sources_of(folder / "B" / "1.dcm", folder / "A" / "2.dcm") == ["B/1.dcm", "A/2.dcm"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*/1.dcm", ["A/1.dcm", "B/1.dcm"]),
        ("A/[12].dcm", ["1.dcm", "2.dcm"]),
        ("B/**/*.dcm", ["1.dcm", "deep/2.dcm"]),
        ("A/?.dcm", ["1.dcm", "2.dcm"]),
    ],
)
def test_a_pattern_is_what_it_matches_sorted(folder, pattern, found):
    assert sources_of(str(folder / pattern)) == found


def test_a_path_that_is_there_is_no_pattern(folder):
    write_ultrasound(folder / "[1].dcm", marked())
    assert sources_of(folder / "[1].dcm") == ["[1].dcm"]


def test_a_file_that_is_given_twice_is_read_once(folder, monkeypatch):
    monkeypatch.chdir(folder / "A")
    assert sources_of(folder / "A", "1.dcm", "../A/2.dcm", ".") == ["1.dcm", "2.dcm"]


def test_one_bad_file_among_several_is_set_aside(folder):
    (folder / "table.csv").write_text("image\nA/1.dcm\n")
    export = read_export([folder / "A" / "1.dcm", folder / "B" / "notes", folder / "table.csv"])
    assert {one.source: one.reason for one in export.set_aside} == {
        "B/notes": f"notes is not {FORMATS} (its first bytes are those of another format). "
        "Leave it out, or convert it.",
        "table.csv": "table.csv is a table, which names files by itself. Give it alone.",
    }


def test_a_table_alone_is_read_also_where_it_stands_in_a_list(folder):
    (folder / "table.csv").write_text("image\nA/1.dcm\n")
    assert len(open_export([folder / "table.csv"]).files) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["A", "gone"], "gone does not exist"),
        (["A", "*.png"], r"\*\.png matches no file or folder"),
        ([], "is empty; needed a file or folder"),
        ([""], "is empty; needed a file or folder"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_read(folder, monkeypatch, given, said):
    monkeypatch.chdir(folder)
    with pytest.raises(UnreadableFrames, match=said):
        read_export(given)
