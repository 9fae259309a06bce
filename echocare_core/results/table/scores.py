"""Scores in the results: the answer, every probability, and the operating point."""

from __future__ import annotations

from echocare_core.results.table.place import Entries, Place
from echocare_core.types import OperatingPoint, Scores

SUM_TOLERANCE = 1e-3


def scores_fault(scores: Scores, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with scores, in words; None where nothing is."""
    if len(scores.probabilities) < 2:
        return f"{scores.name} with {', '.join(scores.probabilities) or 'no class'}; needed two classes at least"
    for name, value in scores.probabilities.items():
        if not 0 <= value <= 1:
            return f"{scores.name} {name} {value:g}; needed a probability of 0 to 1"
    together = sum(scores.probabilities.values())
    if abs(together - 1) > SUM_TOLERANCE:
        return f"{scores.name} with probabilities that add up to {together:g}; needed 1"
    return _point_fault(scores, scores.operating_point) if scores.operating_point else None


def _point_fault(scores: Scores, point: OperatingPoint) -> str | None:
    if point.label not in scores.probabilities:
        known = ", ".join(scores.probabilities)
        return f"{scores.name} with an operating point for {point.label}; needed one of its classes ({known})"
    if not 0 <= point.threshold <= 1:
        return f"{scores.name} with an operating point at {point.threshold:g}; needed a probability of 0 to 1"
    return None


def write_scores(scores: Scores, place: Place) -> Entries:
    """The answer stands under the name of the question."""
    values: dict[str, object] = {scores.name: scores.answer}
    for name, value in scores.probabilities.items():
        values[f"{scores.name}_{name}_probability"] = float(value)
    if scores.operating_point is not None:
        values[f"{scores.name}_{scores.operating_point.label}_threshold"] = float(scores.operating_point.threshold)
    return Entries(values)
