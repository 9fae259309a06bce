"""Landmarks are read from a row per point, as people write them, and from a row per image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from echocare_core.errors import TableError
from echocare_core.finetuning.cases import complete_table, write_completed
from echocare_core.finetuning.landmarks import one_row_per_image
from echocare_core.frames.manifest import read_csv, read_number

POINTS = {"left": ["a_x", "a_y"], "right": ["b_x", "b_y"]}
TABLE = Path("table.csv")


def listed(*rows: tuple[str, ...], names: tuple[str, ...] = ("image", "point", "row_px", "column_px")) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(names), dtype=str)


def test_the_points_of_an_image_become_one_row_in_whatever_order_they_stand() -> None:
    rows = listed(
        ("1.png", "right", "5", "60.5"), ("2.png", "left", "7", "8"), ("1.png", "left", "3", "4"),
        ("2.png", "right", "9", "10"),
    )  # fmt: skip
    found = one_row_per_image(rows, POINTS, TABLE)

    assert found.to_dict("records") == [
        {"image": "1.png", "a_x": "4", "a_y": "3", "b_x": "60.5", "b_y": "5", "landmark": "2"},
        {"image": "2.png", "a_x": "8", "a_y": "7", "b_x": "10", "b_y": "9", "landmark": "2"},
    ]


def test_a_point_that_nobody_marked_is_empty_and_an_image_without_any_has_none() -> None:
    rows = listed(("1.png", "left", "3", "4"), ("2.png", "left", "", ""), ("3.png", "", "", ""))
    found = one_row_per_image(rows, POINTS, TABLE)

    assert found["landmark"].tolist() == ["1", "", ""]
    assert found["b_x"].tolist() == ["", "", ""]


def test_frames_of_a_cine_are_images_of_their_own() -> None:
    names = ("image", "frame", "point", "row_px", "column_px", "patient")
    rows = listed(("a", "0", "left", "1", "2", "P"), ("a", "7", "left", "3", "4", "P"), names=names)
    found = one_row_per_image(rows, POINTS, TABLE)

    assert found[["frame", "a_x", "a_y", "patient"]].to_numpy().tolist() == [["0", "2", "1", "P"], ["7", "4", "3", "P"]]


def test_a_row_per_image_is_taken_as_it_is() -> None:
    rows = listed(("1.png", "4", "3", "6", "5"), ("2.png", "", "", "", ""), names=("image", "a_x", "a_y", "b_x", "b_y"))
    found = one_row_per_image(rows, POINTS, TABLE)

    assert found.drop(columns="landmark").equals(rows)
    assert found["landmark"].tolist() == ["2", ""]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (listed(("1.png", "middle", "1", "2")), "row 1, point 'middle' is none of left, right"),
        (listed(("1.png", "left", "1", "2"), ("1.png", "left", "1", "2")), "row 2 names the point left of its image"),
        (listed(("1.png", "left", "1", "wide")), "row 1, column_px 'wide' is no number"),
        (
            listed(("1.png", "left", "1", "2", "A"), ("1.png", "right", "1", "2", "B"),
                   names=("image", "point", "row_px", "column_px", "patient")),
            "row 2, patient is another than in the first row of its image",
        ),
        (listed(("1.png", "4"), names=("image", "a_x")), "lacks the columns a_y, b_x, b_y"),
        (listed(("1.png", "m.png"), names=("image", "mask")), "lacks the columns point, column_px, row_px"),
    ],
    ids=["unknown", "twice", "no number", "two patients", "half a place", "no points"],
)  # fmt: skip
def test_what_cannot_be_a_table_of_points_is_refused_by_name(rows: pd.DataFrame, says: str) -> None:
    with pytest.raises(TableError, match=says):
        one_row_per_image(rows, POINTS, TABLE)


def test_a_place_outside_the_picture_is_completed_to_what_a_training_reads(tmp_path: Path) -> None:
    rows = [(f"{n}.png", name, "5", "-2.5") for n in range(2) for name in POINTS]
    listed(*rows).to_csv(tmp_path / "table.csv", index=False)
    cases = complete_table(tmp_path / "table.csv", tmp_path / "out", 1, "landmark", (), POINTS)
    write_completed(cases)
    item = read_csv(cases.table, POINTS["left"]).to_dict("records")[0]

    assert [read_number(item, name) for name in POINTS["left"]] == [-2.5, 5]


def test_images_without_a_point_are_left_out_and_patients_parted(tmp_path: Path) -> None:
    rows: list[Any] = [(f"{n}.png", name, "5", "6", f"p{n}") for n in range(8) for name in POINTS]
    names = ("image", "point", "row_px", "column_px", "patient")
    listed(*rows, ("x.png", "left", "", "", "p9"), names=names).to_csv(tmp_path / "table.csv", index=False)
    cases = complete_table(tmp_path / "table.csv", tmp_path / "out", 1, "landmark", (), POINTS)

    assert dict(cases.images) == {"train": 6, "val": 2}
    assert "8 images with a landmark" in str(cases)
    assert "1 row without a landmark left out." in cases.notes
