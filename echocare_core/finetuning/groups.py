"""Whose pictures belong together in a table, by the columns and the ways in which it names groups and patients."""

from __future__ import annotations

import pandas as pd

from echocare_core.counting import counted
from echocare_core.frames.groups import FILE, plain_group

GROUP = "group"
PATIENT = "patient"  # a column that is read as the group; beside one, both count


def complete_groups(rows: pd.DataFrame) -> list[str]:
    """Give each row a group, in place; what was done about it, in sentences."""
    if GROUP in rows:
        return []
    if PATIENT in rows:
        rows[GROUP] = rows.pop(PATIENT)
        return []
    rows[GROUP] = [name if FILE.search(name) else f"./{name}" for name in rows["image"]]  # a file's, to `plain_group`
    return ["No column group or patient: each image counts as a patient. Add one if patients have several images."]


def join_groups(rows: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """One name for what is one group: for names that are written in several ways, or have a patient in common.

    Args:
        rows: with `group`, and `patient` where the table has both.

    Returns:
        The name of the first row of each group, "" where a row has none; and what was done about it, in sentences.
    """
    names = rows[[name for name in (GROUP, PATIENT) if name in rows]].map(plain_group)
    first, before = pd.Series(rows.index, rows.index), None
    while before is None or not first.equals(before):
        before = first
        for _, name in names.items():
            first = first.where(name == "", first.groupby(name).transform("min"))
    joined = rows[GROUP].loc[first].set_axis(rows.index).where(rows[GROUP] != "", "")
    fewer = rows[GROUP].nunique() - joined.nunique()
    said = f"{counted(fewer, 'group')} taken as one with others: alike but for capitals, blanks, signs or zeros"
    return joined, [f"{said}{', or with a patient in common' if PATIENT in rows else ''}."] if fewer else []
