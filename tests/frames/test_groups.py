"""Groups are told apart by their names, but for what people and spreadsheets change of these."""

import pandas as pd
import pytest

from echocare_core.frames.groups import find_in_two_splits, plain_group


@pytest.mark.parametrize(
    ("one", "other"),
    [("P3", "p3"), ("3", "003"), ("3.0", "03"), ("P-3", "p 3"), ("P_3", " P3"), ("1-12", "1_12"), ("0", "000")],
)
def test_one_group_written_in_two_ways_is_one(one, other):
    assert plain_group(one) == plain_group(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1_12", "11_2"),
        ("30", "3"),
        ("3.5", "3"),
        ("P3", "P03"),
        ("a/1", "a/01"),
        ("1.png", "01.png"),
        ("A.png", "a.png"),
    ],
)
def test_two_groups_and_two_files_stay_two(one, other):
    assert plain_group(one) != plain_group(other)


def test_a_group_that_is_written_alike_in_two_splits_is_told_as_such():
    rows = pd.DataFrame(
        [("P1", "train"), ("p1", "train"), ("P1", "val"), ("P2", "val"), ("2", "train"), ("02", "test"), ("", "val")],
        columns=["group", "split"],
    )
    assert list(find_in_two_splits(rows)) == [
        "rows 1 and 3 are one group in the splits train, val",
        "rows 5 and 6 are one group but for capitals, blanks, signs or zeros in the splits train, test",
    ]
