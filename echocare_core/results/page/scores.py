"""Scores on the page: the answer, the probability of every class, and where a probability becomes an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from statistics import median

from echocare_core.results.page.entry import Entry
from echocare_core.results.page.tables import table
from echocare_core.results.wording import name_text, probability_text
from echocare_core.types import Scores


def show_scores(entries: Sequence[Entry]) -> str:
    """One block per question: the answer of a still, how often each answer was given in several frames."""
    questions: dict[str, list[Scores]] = {}
    for scores in (scores for entry in entries for scores in entry.of(Scores)):
        questions.setdefault(scores.name, []).append(scores)
    return "\n".join(_one(asked[0]) if len(entries) == 1 else _several(asked) for asked in questions.values())


def _one(scores: Scores) -> str:
    answer = escape(name_text(scores.answer))
    bars = "\n".join(_bar(name, value, scores) for name, value in scores.probabilities.items())
    return (
        f'<section class="score"><h3>{escape(name_text(scores.name))}</h3><p class="answer">{answer}</p>\n'
        f'<table class="probabilities"><tbody>{bars}</tbody></table>{_operating_point(scores)}</section>'
    )


def _bar(name: str, value: float, scores: Scores) -> str:
    point = scores.operating_point
    asked = point is not None and point.label == name
    mark = f'<path class="threshold" d="M{100 * point.threshold:.1f} 0V10"/>' if point is not None and asked else ""
    text = probability_text(value, point.threshold if point is not None and asked else None)
    bar = (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="10"/>'
        f'<rect class="bar" width="{100 * value:.1f}" height="10"/>{mark}</svg>'
    )
    return f'<tr><th scope="row">{escape(name_text(name))}</th><td class="bars">{bar}</td><td>{text}</td></tr>'


def _operating_point(scores: Scores) -> str:
    point = scores.operating_point
    if point is None:
        return '<p class="meta">The likeliest class is the answer.</p>'
    threshold = probability_text(point.threshold, scores.probabilities[point.label])
    return f'<p class="meta">Operating point: {escape(name_text(point.label))} from {threshold} on.</p>'


def _several(asked: Sequence[Scores]) -> str:
    answers = Counter(scores.answer for scores in asked)
    names = list(dict.fromkeys(name for scores in asked for name in scores.probabilities))
    rows = [
        _cells(name, answers[name], [one.probabilities[name] for one in asked if name in one.probabilities], len(asked))
        for name in names
    ]
    return (
        f'<section class="score"><h3>{escape(name_text(asked[0].name))}</h3>\n'
        f"{table(('Class', 'Answer in', 'Median', 'Range'), rows)}{_operating_point(asked[0])}</section>"
    )


def _cells(name: str, answered: int, values: Sequence[float], frames: int) -> tuple[str, ...]:
    low, high = probability_text(min(values)), probability_text(max(values))
    shown = f"<strong>{answered} of {frames}</strong>", probability_text(median(values)), f"{low} to {high}"
    return escape(name_text(name)), *shown
