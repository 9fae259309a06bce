"""Plots of scores: ROC curve, calibration and decision curve of a class that is asked about, and confusion."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from sklearn.metrics import roc_curve

from echocare_core.assessment.kinds.classes import ClassQuestion
from echocare_core.assessment.page.drawing import Axes, figure
from echocare_core.assessment.page.numbers import interval_text, value_text
from echocare_core.assessment.scored import Scored
from echocare_core.evaluation.calibration import reliability_curve
from echocare_core.evaluation.decision_curve import decision_curve
from echocare_core.evaluation.many_classes import Confusion, confusion
from echocare_core.results.wording import probability_text

MOST_ROWS = 40
THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 50))


def show_classes(scored: Scored) -> list[str]:
    """The plots as HTML; those of one class against the others where one is asked about and both are there."""
    question = scored.question
    assert isinstance(question, ClassQuestion)
    table = [_confusion(confusion(question.named(scored.rows), question.classes))]
    if not question.asked or scored.prepared["truth"].nunique() < 2:
        return table
    return [_roc(scored, question), table[0], _calibration(scored, question), _decision(scored, question)]


def _roc(scored: Scored, question: ClassQuestion) -> str:
    rows = scored.prepared
    false, found, thresholds = roc_curve(rows["truth"], rows["score"])
    axes = Axes((0, 1), (0, 1), "1 - specificity", "sensitivity", square=True)
    axes.line([(0, 0), (1, 1)], "chance")
    axes.line(list(zip(false, found, strict=True)))
    numbers = {measure.name.removeprefix(f"{question.name}_"): one for measure, one in scored.measures}
    sensitivity, specificity = numbers["sensitivity"], numbers["specificity"]
    at = (1 - specificity.estimate, sensitivity.estimate)
    axes.dots([at], "point", 5)
    axes.words(min(at[0] + 0.03, 0.55), max(at[1] - 0.07, 0.04), f"operating point {question.threshold:g}")
    says = (
        f"AUC {value_text(numbers['auc'].estimate)} ({interval_text(numbers['auc'])}); at the operating point "
        f"sensitivity {value_text(sensitivity.estimate)}, specificity {value_text(specificity.estimate)}"
    )
    picked = _some(list(zip(thresholds, found, 1 - false, strict=True))[1:])
    cells = [(f"{threshold:.3f}", f"{one:.3f}", f"{other:.3f}") for threshold, one, other in picked]
    return axes.figure("ROC curve", says, ("Threshold", "Sensitivity", "Specificity"), cells, says)


def _calibration(scored: Scored, question: ClassQuestion) -> str:
    bins = reliability_curve(scored.prepared)
    axes = Axes((0, 1), (0, 1), f"predicted probability of {question.asked}", "observed share", square=True)
    axes.line([(0, 0), (1, 1)], "chance")
    for one in bins:
        if np.isfinite(one.observed.low):
            axes.whisker(one.predicted, one.observed.low, one.observed.high)
    axes.line([(one.predicted, one.observed.estimate) for one in bins], "thin")
    axes.dots([(one.predicted, one.observed.estimate) for one in bins], "point", 3.5)
    slope, error = scored.more["slope"], scored.more["expected_calibration_error"]
    note = (
        f"Slope {value_text(slope.estimate)} ({interval_text(slope) or 'no interval'}; 1 is best), mean distance from "
        f"the line {value_text(error.estimate)}. Whiskers: 95 % intervals."
    )
    cells = [
        (f"{one.low:.2f} to {one.high:.2f}", f"{one.predicted:.3f}", f"{one.observed.estimate:.3f}",
         interval_text(one.observed), str(one.observed.images))
        for one in bins
    ]  # fmt: skip
    heads = ("Probabilities", "Mean", "Observed", "95 % interval", "Cases")
    says = f"Calibration: observed share against predicted probability in {len(bins)} bins. {note}"
    return axes.figure("Calibration", says, heads, cells, note)


def _decision(scored: Scored, question: ClassQuestion) -> str:
    curve = decision_curve(scored.prepared, THRESHOLDS)
    model = [(one.threshold, one.model.estimate) for one in curve]
    treat_all = [(one.threshold, one.treat_all.estimate) for one in curve]
    top = max(one.model.high if np.isfinite(one.model.high) else one.model.estimate for one in curve)
    floor = -0.15 * top
    axes = Axes((0, 1), (floor, top * 1.05 or 1), "threshold probability", "net benefit")
    axes.line([(0, 0), (1, 0)], "zero")
    axes.band(*(
        [(one.threshold, max(floor, end(one.model))) for one in curve] for end in (lambda e: e.low, lambda e: e.high)
    ))  # fmt: skip
    axes.line([point for point in treat_all if point[1] >= floor], "chance")
    axes.line([(x, max(floor, y)) for x, y in model])
    axes.up(question.threshold, "operating point")
    says = "Net benefit of acting on the answers beside acting on all (dashed) and on none (zero), at every threshold"
    cells = [
        (f"{one.threshold:.2f}", f"{one.model.estimate:.3f}", interval_text(one.model), f"{one.treat_all.estimate:.3f}")
        for one in _some(curve)
    ]
    note = "Line: acting on the answers; dashed: acting on all. It stands on the share of positive cases here."
    return axes.figure(
        "Decision curve", says, ("Threshold", "Net benefit", "95 % interval", "Acting on all"), cells, note
    )


def _confusion(found: Confusion) -> str:
    names = [str(name).replace("_", " ") for name in found.classes]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(
            f'<td class="{"right" if row == column else "wrong"}"><strong>{found.images[row, column]}</strong>'
            f"<span>{_share(found, row, column)}</span></td>"
            for column in range(len(names))
        )
        + "</tr>"
        for row, name in enumerate(names)
    )
    drawn = (
        f'<table class="confusion"><caption>Rows: labelled. Columns: answered.</caption><thead><tr><td></td>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table>"
    )
    rows = [
        (true, answer, str(found.images[row, column]), interval_text(found.shares[row][column]))
        for row, true in enumerate(names)
        for column, answer in enumerate(names)
    ]
    return figure("Confusion", drawn, ("Labelled", "Answered", "Cases", "Share, 95 % interval"), rows)


def _share(found: Confusion, row: int, column: int) -> str:
    share = found.shares[row][column].estimate
    return "" if not np.isfinite(share) else probability_text(float(share))


def _some(rows: Sequence) -> list:
    return list(rows[:: max(1, len(rows) // MOST_ROWS)])
