"""The headline numbers of a question in each subgroup of the cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from echocare_core.assessment.about import NOT_STATED
from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.question import Measure
from echocare_core.assessment.scored import Scored
from echocare_core.evaluation.subgroups import Subgroup, by_subgroup

MOST = 12  # values of a subgroup; the rarest ones are put together
OTHERS = "others"
OF_CASE = "subgroup_of_case"
BANDS = 3
MANY = 8  # different numbers, from which on a column of numbers is cut into bands


@dataclass(frozen=True)
class Part:
    """One way to divide the cases.

    Attributes:
        name: of the subgroup, such as "device".
        measure: what is reported.
        values: each value with the number of its cases, and how far that is from the rest.
    """

    name: str
    measure: Measure
    values: tuple[Subgroup, ...]


@dataclass(frozen=True)
class Subgroups:
    """All subgroups of one question.

    Attributes:
        question: its name.
        parts: one for each subgroup and headline number.
        unstated: subgroups that no header states, or in which all cases are alike.
    """

    question: str
    parts: tuple[Part, ...]
    unstated: Mapping[str, str]


def find_subgroups(scored: Scored, cases: Sequence[Case]) -> Subgroups:
    """The headline numbers of one question in each subgroup."""
    labels = pd.DataFrame([{"label_row": case.number, **case.subgroups} for case in cases]).set_index("label_row")
    rows = scored.prepared
    parts, unstated = [], {}
    for name in labels.columns:
        column = _values(labels.loc[scored.rows.index, name])
        found = [value for value in column.unique() if value != NOT_STATED]
        if len(found) < 1 or column.nunique() < 2:
            unstated[str(name)] = found[0] if found else NOT_STATED
            continue
        for measure, _ in scored.headlines:
            divided = rows.assign(**{OF_CASE: pd.Categorical(column, _order(column), ordered=True)})
            parts.append(Part(str(name), measure, by_subgroup(divided, OF_CASE, measure.statistic)))
    return Subgroups(scored.question.name, tuple(parts), unstated)


def _values(column: pd.Series) -> pd.Series:
    """The values of a subgroup: numbers in bands, the rarest of many put together."""
    numbers = pd.to_numeric(column, errors="coerce")
    stated = column != NOT_STATED
    if numbers[stated].notna().all() and numbers.nunique() > MANY:
        return pd.qcut(numbers, BANDS, duplicates="drop").map(_band).astype(object).where(stated, NOT_STATED)
    common = [value for value, _ in Counter(column[stated]).most_common(MOST)]
    return column.where(column.isin([*common, NOT_STATED]), OTHERS)


def _band(band: pd.Interval) -> str:
    return f"{band.left:g} to {band.right:g}"


def _order(column: pd.Series) -> list[str]:
    last = (OTHERS, NOT_STATED)
    return sorted(column.unique(), key=lambda value: (value in last, str(value)))
