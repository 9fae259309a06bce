"""A cell of the column mask names one file, or several between semicolons."""

from pathlib import Path

import pytest

from echocare_core.frames.mask_files import place_masks, split_masks


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png", "left;right.png"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.png", ["a.png"]),
        ("a.png;b.png", ["a.png", "b.png"]),
        (" a.png ; b.png; ", ["a.png", "b.png"]),
        ("left;right.png", ["left;right.png"]),
        ("a.png;left;right.png;b.png", ["a.png", "left;right.png", "b.png"]),
        ("gone.png;b.png", ["gone.png", "b.png"]),
        ("gone;away.png", ["gone", "away.png"]),
        (";", [";"]),
        ("nothing", []),
        ("Nothing", []),
    ],
)
def test_a_cell_names_the_files_that_are_there(folder, cell, names):
    assert split_masks(cell, folder) == names


def test_a_folder_with_a_semicolon_in_its_name_is_no_separator(tmp_path):
    folder = tmp_path / "in;out"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).touch()
    placed = place_masks("a.png;b.png", folder)
    assert split_masks(placed, Path()) == [str(folder / "a.png"), str(folder / "b.png")]


def test_nothing_to_draw_is_nothing_from_everywhere(folder):
    assert place_masks("nothing", folder) == "nothing"
    assert split_masks(place_masks("Nothing", folder), Path()) == []


def test_more_names_than_a_path_may_be_long_are_names_nevertheless(tmp_path):
    names = [f"{number:03d}{'x' * 60}.png" for number in range(100)]
    assert split_masks(";".join(names), tmp_path) == names
