"""How an output is said to a person: the same words under the overlay and in the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from echocare_core.counting import counted as counted
from echocare_core.counting import enumerated as enumerated
from echocare_core.types import Boxes, Embedding, Measurement, Output, Plausible, Points, Scores

NOT_CALIBRATED = "no calibration in the file: lengths in pixels"
NOTHING_FOUND, NOT_FOUND = "nothing found", "not found"
QUOTIENT = " / "  # between the names of two measurements of one unit, where their quotient is meant
ENDS = ("_low", "_high")  # after the name of a measurement: those that are the ends of its interval

_UNITS = {
    **{"mm2": "mm²", "cm2": "cm²", "px2": "px²", "px3": "px³"},
    **{"percent": "%", "px": "px", "count": "", "week": "weeks"},
}
# from here on, decimals say nothing
_WHOLE_FROM = {"mm2": 100.0, "cm2": 100.0, "px2": 0.0, "px3": 0.0, "px": 0.0, "count": 0.0, "frame": 0.0}
_ONE_DECIMAL = {"mm", "cm", "ml", "ms", "mm2", "cm2", "percent"}


def split_column(column: str) -> tuple[str, str]:
    """Name and unit of a column of `results.csv`: "lesion_area_mm2" is ("lesion_area", "mm2")."""
    name, _, unit = column.rpartition("_")
    return name, unit


def name_text(name: str) -> str:
    """A name in plain words: "lesion_area" is "lesion area"."""
    return name.replace("_", " ").strip()


def value_text(value: float, unit: str) -> str:
    """A value as a person reads it, with its unit: 123.4 and "mm2" give "123 mm²"."""
    return f"{number_text(value, unit)} {unit_symbol(unit)}".strip()


def number_text(value: float, unit: str) -> str:
    """The value alone, no more digits than a ruler on the picture would give."""
    if abs(value) >= _WHOLE_FROM.get(unit, float("inf") if unit in _ONE_DECIMAL else 100.0):
        return f"{value:.0f}"
    return f"{value:.1f}" if unit in _ONE_DECIMAL else f"{value:.3g}"


def measurement_text(name: str, value: float, unit: str) -> str:
    """One line for a person: "lesion area 123 mm²"."""
    return f"{name_text(name)} {value_text(value, unit)}"


def interval_text(one: Measurement, low: Measurement, high: Measurement) -> str:
    """A measurement with its interval in one line: "gestational age 24w3d (22w3d to 26w3d)"."""
    value, *ends = (
        weeks_text(each.value) if each.unit == "week" else number_text(each.value, each.unit)
        for each in (one, low, high)
    )
    symbol = "" if one.unit == "week" else unit_symbol(one.unit)
    return f"{name_text(one.name)} {value} ({' to '.join(ends)}) {symbol}".strip()


def weeks_text(weeks: float) -> str:
    """An age in weeks and days, to the nearest day, as obstetricians write it: 24.43 is "24w3d"."""
    completed, days = divmod(round(7 * weeks), 7)
    return f"{completed}w{days}d"


def limits_text(name: str, known: Plausible) -> str:
    """The range of a column, or of a quotient of two measurements: "40 to 360 mm"."""
    if QUOTIENT in name:
        return f"{known.low:g} to {known.high:g}"
    return f"{known.low:g} to {known.high:g} {unit_symbol(split_column(name)[1])}".strip()


def range_text(name: str, known: Plausible) -> str:
    """The same with what it is about: "head circumference 40 to 360 mm"."""
    of = name.replace(QUOTIENT, " to ") if QUOTIENT in name else split_column(name)[0]
    return f"{name_text(of)} {limits_text(name, known)}"


def unit_symbol(unit: str) -> str:
    """The unit as it is printed: "mm2" is "mm²"."""
    return _UNITS.get(unit, unit)


def probability_text(value: float, beside: float | None = None) -> str:
    """A probability in percent, with as many decimals as it needs to differ from the number beside it."""
    decimals = 0 if 0.01 <= value <= 0.99 else 1
    while beside is not None and value != beside and decimals < 4:
        if f"{100 * value:.{decimals}f}" != f"{100 * beside:.{decimals}f}":
            break
        decimals += 1
    return f"{100 * value:.{decimals}f}%"


def similarity_text(value: float) -> str:
    """A cosine similarity with two decimals."""
    return f"{value:.2f}"


def score_text(scores: Scores) -> str:
    """The answer to a question with what it rests on: "pathology: benign (malignant 12%, answered from 35% on)"."""
    point, asked = scores.operating_point, scores.answer
    if point is None:
        return f"{name_text(scores.name)}: {name_text(asked)} ({probability_text(scores.probabilities[asked])})"
    value = scores.probabilities[point.label]
    rests_on = f"{name_text(point.label)} {probability_text(value, point.threshold)}"
    from_text = probability_text(point.threshold, value)
    return f"{name_text(scores.name)}: {name_text(asked)} ({rests_on}, answered from {from_text} on)"


def in_pixels(outputs: Iterable[Output]) -> bool:
    """Whether a length or an area among the outputs is in pixels, since nothing calibrates its frame."""
    return any(isinstance(output, Measurement) and output.unit in ("px", "px2", "px3") for output in outputs)


def outputs_text(outputs: Iterable[Output]) -> list[str]:
    """What the outputs say, in a few words each; pixels and longer texts are seen, not said.

    A measurement that has an interval (`ENDS`) is said with it, and its ends not once more.
    """
    outputs = list(outputs)
    known = {one.name: one for one in outputs if isinstance(one, Measurement) and math.isfinite(one.value)}
    ends = {name: [known[name + end] for end in ENDS] for name in known if all(name + end in known for end in ENDS)}
    said_with = {end.name for pair in ends.values() for end in pair}
    words = []
    for output in outputs:
        if isinstance(output, Measurement) and output.name in ends:
            words.append(interval_text(output, *ends[output.name]))
        elif not (isinstance(output, Measurement) and output.name in said_with) and type(output) in SAID:
            words += SAID[type(output)](output)
    return words


def _boxes_text(boxes: Boxes) -> list[str]:
    return [f"{boxes.labels.count(name)} {name_text(name)}" for name in boxes.classes if name in boxes.labels]


def _points_text(points: Points) -> list[str]:
    found = ~np.isnan(points.positions_px).any(axis=1)
    return [name_text(name) for name, there in zip(points.names, found, strict=True) if there]


def _embedding_text(embedding: Embedding) -> list[str]:
    return [f"nearest: {one.name} ({similarity_text(one.similarity)})" for one in embedding.nearest[:1]]


SAID: dict[type, Callable[[Any], list[str]]] = {
    Measurement: lambda one: [measurement_text(one.name, one.value, one.unit)] if math.isfinite(one.value) else [],
    Scores: lambda one: [score_text(one)],
    Boxes: _boxes_text,
    Points: _points_text,
    Embedding: _embedding_text,
}
