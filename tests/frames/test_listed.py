"""A table of images is read like an export: the frames it names, the spacing it gives, what it gets wrong."""

from pathlib import Path

import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.frames.export import study_numbers
from echocare_core.frames.listed import read_listed, table_at
from echocare_core.frames.plausible import NOT_A_LENGTH
from echocare_core.types import SetAside


@pytest.fixture
def listed(tmp_path):
    """Reads a table beside a cine of three frames and a calibrated still."""
    (tmp_path / "a").mkdir()
    write_ultrasound(tmp_path / "a" / "cine", marked(3))
    write_ultrasound(tmp_path / "still", marked(), spacing_mm=(0.2, 0.3))

    def read(text):
        (tmp_path / "table.csv").write_text(text)
        return read_listed(tmp_path / "table.csv")

    return read


def test_all_frames_are_wanted_unless_rows_name_some(listed):
    export = listed("image,frame\nstill,\na/cine,2\na/cine,0\n")
    assert [list(export.numbers_of(frames)) for frames in export.files] == [[0], [2, 0]]
    assert export.number_of_frames == 3


def test_a_row_without_a_number_wants_all_frames_whatever_other_rows_name(listed):
    assert listed("image,frame\na/cine,1\na/cine,\n").number_of_frames == 3


def test_sources_are_below_the_folder_that_all_files_share(listed):
    export = listed("image\na/cine\nstill\n")
    assert [export.source_of(frames) for frames in export.files] == ["a/cine", "still"]


def test_the_tables_spacing_counts_where_the_file_states_none(listed):
    export = listed("image,pixel_mm\na/cine,0.5\nstill,0.5\n")
    assert [frames.spacing_mm for frames in export.files] == [(0.5, 0.5), (0.2, 0.3)]


def test_a_tables_spacing_that_would_make_a_picture_of_metres_is_not_used(listed, tmp_path):
    write_ultrasound(tmp_path / "a" / "wide", marked(height=16, width=300))
    (frames,) = listed("image,pixel_mm\na/wide,4.9\n").files
    assert (frames.spacing_mm, frames.notes) == (None, (NOT_A_LENGTH,))


def test_a_file_that_is_not_there_and_a_frame_that_is_not_there_are_set_aside(listed):
    export = listed("image,frame\n./a/cine,3\n./gone,\n")
    assert export.set_aside == (
        SetAside("a/cine", "cine has 3 frames; number 3, counted from 0, was asked for.", 3, "./a/cine"),
        SetAside("gone", "gone does not exist. Check the path.", image="./gone"),
    )
    assert export.number_of_frames == 0


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("C:/Users/x/a.png", "is a path of another computer"),
        ("https://a.org/a.png", "is a URL, and only files are read"),
    ],
)
def test_a_file_that_is_elsewhere_is_set_aside_with_what_its_name_is(listed, name, what):
    [aside] = listed(f"image\nstill\n{name}\n").set_aside
    assert aside.reason == f"a.png does not exist, for its name in the table {what}. Copy it, and name the copy."


def test_a_frame_as_pandas_writes_it_beside_an_empty_cell_is_its_number(listed):
    export = listed("image,frame\na/cine,2.0\nstill,\n")
    assert [list(export.numbers_of(frames)) for frames in export.files] == [[2], [0]]


@pytest.mark.parametrize("frame", ["-1", "1.5", "first", "²", ".0"])
def test_a_frame_that_is_no_number_is_refused(listed, frame):
    with pytest.raises(TableError, match="frame of a/cine is"):
        listed(f"image,frame\na/cine,{frame}\n")


def test_a_table_that_names_nothing_usable_is_refused(listed):
    with pytest.raises(UnreadableFrames, match=r"among 1 rows \(gone does not exist. Check the path\)\. Correct"):
        listed("image\ngone\n")
    with pytest.raises(UnreadableFrames, match="among 0 rows"):
        listed("image\n")


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_group_is_no_group(listed, blank):
    export = listed(f"image,group\na/cine,{blank}\nstill,{blank}\n")
    assert sorted(study_numbers(export).values()) == [1, 2]


def test_an_image_in_two_groups_is_refused_by_its_row_and_not_by_its_groups(listed):
    with pytest.raises(TableError, match=r"rows 1 and 3 name one picture in several groups, a/cine") as caught:
        listed("image,frame,group\na/cine,0,P7\na/cine,1,P7\na/cine,2,P8\n")
    assert "P7" not in str(caught.value)
    assert "P8" not in str(caught.value)


def test_a_relative_table_may_name_absolute_paths_too(listed, tmp_path, monkeypatch):
    listed("image\nstill\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "both.csv").write_text(f"image\nstill\n{tmp_path / 'a' / 'cine'}\n")
    export = read_listed(Path("both.csv"))
    assert [export.source_of(frames) for frames in export.files] == ["still", "a/cine"]


def test_a_table_is_known_by_its_extension_in_capitals_too(tmp_path):
    found = [table_at(Path(name)) for name in ("A.CSV", "A.Parquet", "A.dcm")]
    assert found == [Path("A.CSV"), Path("A.Parquet"), None]


def test_a_folder_is_a_table_only_where_an_inventory_wrote_it(tmp_path):
    (tmp_path / "table.csv").touch()
    assert table_at(tmp_path) is None
    (tmp_path / "inventory.sqlite").touch()
    assert table_at(tmp_path) == tmp_path / "table.csv"
