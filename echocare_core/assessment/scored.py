"""Cases beside the results of one run, scored: a row for each, and why others could not be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from echocare_core.assessment.cases import Case, Joined
from echocare_core.assessment.kinds.question import Measure, Question, Unscored
from echocare_core.errors import TableError
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.frames.faults import check_no_faults


@dataclass(frozen=True)
class Scored:
    """One question, and its answers to all labelled cases.

    Attributes:
        question: that was asked.
        rows: of the cases that could be scored, by the number of their row of labels, with `group`.
        unscored: number of the row of labels -> why a labelled case could not be.
        measures: what is reported, each with its number of all cases.
        more: further numbers of all cases, by name: of calibration, or of agreement.
    """

    question: Question
    rows: pd.DataFrame
    unscored: dict[int, str]
    measures: tuple[tuple[Measure, Estimate], ...]
    more: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def prepared(self) -> pd.DataFrame:
        """The rows as statistics read them."""
        return self.question.prepared(self.rows)

    @property
    def headlines(self) -> tuple[tuple[Measure, Estimate], ...]:
        """Those that stand in the summary."""
        return tuple(one for one in self.measures if one[0].headline)


def score(
    questions: Sequence[Question], joined: Joined, table: str, through: Callable[[Sequence[Case]], Iterable[Case]]
) -> tuple[Scored, ...]:
    """Score every case for every question that its label answers.

    Args:
        questions: what is asked.
        joined: the cases.
        table: name of the table of labels, for messages.
        through: goes through the cases, and may show how far it is.

    Returns:
        One `Scored` for each question that a label answers.

    Raises:
        TableError: labels that are wrong, all of them at once; or not one case can be scored.
    """
    found: dict[str, list[dict[str, object]]] = {one.name: [] for one in questions}
    unscored: dict[str, dict[int, str]] = {one.name: {} for one in questions}
    faults: list[str] = []
    groups = _numbered(joined.cases)
    for case in through(joined.cases):
        for question in questions:
            try:
                if not question.is_labelled(case):
                    continue
                row = {"label_row": case.number, "group": groups[case.group], **question.score(case)}
                found[question.name].append(row)
            except Unscored as reason:
                unscored[question.name][case.number] = str(reason)
            except TableError as error:
                faults.append(f"row {case.number} {_lowered(error)}")
    check_no_faults(f"{table} has", faults, "Correct these rows, counted from 1 below the names of the columns.")
    _check_some(found, unscored, table)
    return tuple(
        _scored(question, pd.DataFrame(found[question.name]).set_index("label_row"), unscored[question.name])
        for question in questions
        if found[question.name]
    )


def _scored(question: Question, rows: pd.DataFrame, unscored: dict[int, str]) -> Scored:
    prepared = question.prepared(rows)
    measures = tuple((one, estimate(prepared, one.statistic)) for one in question.measures(rows))
    return Scored(question, rows, unscored, measures, question.more(prepared))


def _numbered(cases: Sequence[Case]) -> dict[str, str]:
    """Groups by number in the order of the table: the same resamples are drawn whatever their pseudonyms are."""
    return {group: f"{number:07d}" for number, group in enumerate(dict.fromkeys(case.group for case in cases))}


def _check_some(found: dict[str, list[dict[str, object]]], unscored: dict[str, dict[int, str]], table: str) -> None:
    if any(found.values()):
        return
    reasons = list(dict.fromkeys(reason for rows in unscored.values() for reason in rows.values()))
    if reasons:
        raise TableError(f"No case of {table} can be scored: {'; '.join(reasons[:3])}.")
    raise TableError(
        f"{table} joins the results, but the cells of {', '.join(found)} are empty in all rows that do; needed a label "
        "in one of them. Fill them in."
    )


def _lowered(error: TableError) -> str:
    """A message as the end of "row 3 ...", without a full stop."""
    text = str(error).rstrip(".")
    return text[0].lower() + text[1:] if text.startswith(("Mask ", "The ")) else text
