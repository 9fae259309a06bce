"""Two models, or two versions of one, on the same cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from echocare_core.assessment.kinds.question import Measure
from echocare_core.assessment.results_folder import ResultsFolder
from echocare_core.assessment.scored import Scored
from echocare_core.errors import TableError
from echocare_core.evaluation.comparison import Comparison, compare, holm

CASE = "label_row"


@dataclass(frozen=True)
class Compared:
    """What the comparison found.

    Attributes:
        other: the results that these are compared with.
        numbers: each headline number, of both on the cases that both have, with its difference.
        corrected: p value of each, by the name of its measure, corrected for there being several (Holm).
    """

    other: ResultsFolder
    numbers: tuple[tuple[Measure, Comparison], ...]
    corrected: dict[str, float]


def compare_scored(scored: Sequence[Scored], others: Sequence[Scored], other: ResultsFolder) -> Compared:
    """Compare the headline numbers of two sets of results, scored against one table of labels.

    Args:
        scored: of the model that is evaluated.
        others: of the other one.
        other: its results.

    Raises:
        TableError: no output is scored of both.
    """
    by_name = {one.question.name: one for one in others}
    numbers = tuple(
        (measure, compare(*_tables(one, by_name[one.question.name]), measure.statistic, key=CASE))
        for one in scored
        if one.question.name in by_name
        for measure, _ in one.headlines
    )
    if not numbers:
        scored_of = [", ".join(one.question.name for one in some) for some in (scored, others)]
        raise TableError(
            f"Labels score {scored_of[0]} of this model and {scored_of[1]} of the other; needed an output of both. "
            "Compare models of one task."
        )
    known = {measure.name: found.p for measure, found in numbers}
    return Compared(other, numbers, {name: p for name, p in holm(known).items() if not math.isnan(p)})


def _tables(one: Scored, other: Scored) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both, with the groups of the first: the cases are the same, their numbers may not be."""
    first, second = one.prepared, other.prepared
    groups = first["group"].reindex(second.index)
    second = second.assign(group=groups.where(groups.notna(), "alone-" + second["group"]))
    return first.reset_index(), second.reset_index()
