"""Plots of measurements: each against the label, and the differences with the limits of agreement."""

from __future__ import annotations

import math

import numpy as np

from echocare_core.assessment.kinds.numbers import NumberQuestion
from echocare_core.assessment.page.drawing import Axes
from echocare_core.assessment.page.numbers import value_text
from echocare_core.assessment.scored import Scored
from echocare_core.counting import counted
from echocare_core.evaluation.estimate import Estimate

MOST_DOTS = 3000


def show_numbers(scored: Scored) -> list[str]:
    """A Bland-Altman plot, and measured against labelled, as HTML."""
    assert isinstance(scored.question, NumberQuestion)
    return [_bland_altman(scored, scored.question), _against(scored, scored.question)]


def _dots(scored: Scored) -> tuple[np.ndarray, np.ndarray]:
    name = scored.question.name
    rows = scored.rows.iloc[:: math.ceil(len(scored.rows) / MOST_DOTS)]
    return rows[f"{name}_reference"].to_numpy(float), rows[name].to_numpy(float)


def _bland_altman(scored: Scored, question: NumberQuestion) -> str:
    truth, measured = _dots(scored)
    means, differences = (truth + measured) / 2, measured - truth
    lines = {name: scored.more[name] for name in ("upper_limit", "bias", "lower_limit")}
    ends = [end for one in lines.values() for end in (one.low, one.high, one.estimate) if math.isfinite(end)]
    axes = Axes(
        _reach(means), _reach(np.array([*differences, *ends, 0.0])),
        f"mean of both ({question.symbol})", f"measured less labelled ({question.symbol})",
    )  # fmt: skip
    span = (axes.x.low, axes.x.high)
    for one in lines.values():
        if math.isfinite(one.low):
            axes.band([(x, one.low) for x in span], [(x, one.high) for x in span])
    axes.line([(span[0], 0), (span[1], 0)], "zero")
    axes.dots(list(zip(means, differences, strict=True)))
    for name, one in lines.items():
        if math.isfinite(one.estimate):
            axes.across(one.estimate, f"{name.replace('_', ' ')} {value_text(one.estimate, question.unit)}")
    says = (
        f"Bland-Altman plot of {question.words}: bias {value_text(lines['bias'].estimate, question.unit)}, limits of "
        f"agreement {value_text(lines['lower_limit'].estimate, question.unit)} to "
        f"{value_text(lines['upper_limit'].estimate, question.unit)}"
    )
    note = "Shaded: 95 % intervals of the bias and of both limits of agreement."
    return axes.figure(
        f"Agreement, {question.words}", says, ("Measure", "Number", "95 % interval"), _rows(scored), note
    )


def _rows(scored: Scored) -> list[tuple[str, ...]]:
    names = {
        **{"bias": "Bias", "standard_deviation": "Standard deviation of the difference"},
        **{"lower_limit": "Lower limit of agreement", "upper_limit": "Upper limit of agreement"},
        **{"proportional_bias": "Slope of the difference on the mean", "icc": "ICC(2,1)"},
    }
    return [(words, *_cells(scored.more[name])) for name, words in names.items()]


def _cells(one: Estimate) -> tuple[str, str]:
    interval = f"{value_text(one.low, one.unit)} to {value_text(one.high, one.unit)}" if math.isfinite(one.low) else ""
    return value_text(one.estimate, one.unit), interval


def _against(scored: Scored, question: NumberQuestion) -> str:
    truth, measured = _dots(scored)
    reach = _reach(np.concatenate([truth, measured]))
    axes = Axes(reach, reach, f"labelled ({question.symbol})", f"measured ({question.symbol})", square=True)
    axes.line([(reach[0], reach[0]), (reach[1], reach[1])], "chance")
    axes.dots(list(zip(truth, measured, strict=True)))
    errors = np.sort(np.abs(measured - truth))
    says = f"Measured against labelled {question.words} of {counted(len(truth), 'case')}; on the line both are equal"
    shares = [
        (f"{share} % of cases", value_text(float(np.percentile(errors, share)), question.unit))
        for share in (50, 75, 90, 95, 100)
    ]
    return axes.figure(f"Measured and labelled, {question.words}", says, ("Of", "error at most"), shares)


def _reach(values: np.ndarray) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin
