"""Groups of a table, such as patients: each in one split, and its pictures in no other one.

Rows go by their numbers, and no group is named: it may be a patient's ID.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from echocare_core.frames.faults import name_rows

FILE = re.compile(r"[/\\]|\.[A-Za-z]\w*$")  # in a name, which is that of a picture then
SIGNS = re.compile(r"[\s_-]+")
NUMBER = re.compile(r"0*(\d+?)(\.0+)?")  # 3, 003 and 3.0 of spreadsheets


def plain_group(name: str) -> str:
    """A name without what people and spreadsheets change of it: capitals, blanks and signs, zeros of whole numbers.

    Signs between two digits stay, all alike: 1-12 and 11-2 are two patients. So does the name of a file.
    """
    if FILE.search(name):
        return name
    plain = SIGNS.sub("-", re.sub(r"(?<!\d)[\s_-]+|[\s_-]+(?!\d)", "", name)).casefold()
    number = NUMBER.fullmatch(plain)
    return number[1] if number else plain


def find_group_faults(rows: pd.DataFrame, path: Path) -> Iterator[str]:
    """Rows without a group, groups in two splits, and pictures in two groups.

    Args:
        rows: of the table read from `path`.
        path: of the table.
    """
    for row in rows.index[rows["group"] == ""]:
        yield f"row {row + 1} has no group"
    yield from find_in_two_splits(rows)
    yield from find_regrouped(rows, path)


def find_in_two_splits(rows: pd.DataFrame, column: str = "group") -> Iterator[str]:
    """Groups, or patients of another column, in more than one split, also where they are written in several ways."""
    named = rows[rows[column] != ""]
    plain = named[column].map(plain_group)
    for _, members in named[named.groupby(plain)["split"].transform("nunique") > 1].groupby(plain, sort=False):
        crossing = members[members.groupby(column)["split"].transform("nunique") > 1]
        first = (members if crossing.empty else crossing).drop_duplicates("split")
        written = " but for capitals, blanks, signs or zeros" if crossing.empty else ""
        yield f"rows {name_rows(first.index)} are one {column}{written} in the splits {', '.join(first['split'])}"


def find_regrouped(rows: pd.DataFrame, path: Path) -> Iterator[str]:
    """Pictures that rows of the table at `path` put into more than one group."""
    if "group" not in rows:
        return
    named = rows[rows["group"] != ""]
    files = named["image"].map(lambda image: os.path.normpath(path.parent / image))
    for _, members in named[named.groupby(files)["group"].transform("nunique") > 1].groupby(files, sort=False):
        first = members.drop_duplicates("group")
        yield f"rows {name_rows(first.index)} name one picture in several groups, {first['image'].iloc[0]}"
