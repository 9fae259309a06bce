"""Classes in a table: named as the bundle names them where only one can be meant, and counted by split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from echocare_core.assessment.matching import CLASSES, Matcher
from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.frames.faults import check_no_faults
from echocare_core.frames.manifest import where_rows_count
from echocare_core.frames.spelling import say_reading

LONGEST_NAME = 40  # in a sentence


def name_classes(named: pd.Series, classes: Sequence[str], path: Path) -> pd.Series:
    """Classes as the bundle names them.

    Args:
        named: as a table names them, by the numbers of its rows from 0; "" for none. Written in another way than the
            bundle's, they are read as labels of `echocare evaluate` are, and it is said how.
        classes: of the bundle.
        path: of the table.

    Raises:
        TableError: names that are none of them, each once.
    """
    matcher = Matcher(classes, CLASSES)
    meant = {name: matcher.find(name).found for name in named.unique() if name}
    unknown = named[named.map(lambda name: bool(name) and meant[name] is None)]
    check_no_faults(
        f"{path} has", list(_find_unknown(unknown)), f"Needed one of {', '.join(classes)}. {where_rows_count(path)}"
    )
    notes = tuple(f"{named.name} {found} for {name!r}" for name, found in meant.items() if found != name)
    if notes:
        say_reading(path, notes)
    return named.map(lambda name: meant[name] if name else "")


def _find_unknown(named: pd.Series) -> Iterator[str]:
    for name, rows in named.groupby(named, sort=False):
        others = f" and {counted(len(rows) - 1, 'other row')}" if len(rows) > 1 else ""
        yield f"row {rows.index[0] + 1}{others}, {named.name} '{str(name)[:LONGEST_NAME]}'"


def count_classes(
    named: pd.Series, splits: pd.Series, classes: Sequence[str], needed: Sequence[str], path: Path
) -> dict[str, dict[str, int]]:
    """How many images each class has in each split.

    Args:
        named: class of each image.
        splits: of each.
        classes: of the bundle.
        needed: splits that need them all.
        path: of the table.

    Raises:
        TableError: a split of those that are needed lacks a class.
    """
    counts = {
        str(split): {name: int((of_split == name).sum()) for name in classes}
        for split, of_split in named.groupby(splits, sort=False)
    }
    for split in needed:
        if absent := [name for name, count in counts[split].items() if not count]:
            raise TableError(
                f"{path} has no {named.name} {absent[0]} in split '{split}'; needed every class in "
                f"{' and '.join(needed)}. Add images of it from further patients, or fill the column split."
            )
    return counts
