"""Statistics of answers to a question of yes or no: sensitivity and its kin, AUC, average precision, Brier score.

A table has `truth` (0 or 1), `answer` (0 or 1, at an operating point fixed beforehand) and `score` (probability of 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.evaluation.statistic import FEWEST_OF_A_CLASS, Numbers, Statistic, Values, equal_to, ratio, share_of

_ANSWERED = ("truth", "answer")


def _is(column: str, wanted: int) -> Callable[[pd.DataFrame], NDArray[np.bool_]]:
    return lambda rows: equal_to(rows[column], wanted)


def _right(rows: pd.DataFrame) -> NDArray[np.bool_]:
    return (rows["truth"] == rows["answer"]).to_numpy(dtype=bool)


def _table(rows: pd.DataFrame, counts: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """True positives, false positives, false negatives, true negatives, each (resamples,)."""
    truth, answer = rows["truth"].to_numpy(float), rows["answer"].to_numpy(float)
    cells = np.stack([truth * answer, (1 - truth) * answer, truth * (1 - answer), (1 - truth) * (1 - answer)], axis=1)
    positive, false_alarm, missed, negative = (counts @ cells).T
    return positive, false_alarm, missed, negative


def _balanced_accuracy(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    tp, fp, fn, tn = _table(rows, counts)
    return (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2


def _f1(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    tp, fp, fn, _ = _table(rows, counts)
    return ratio(2 * tp, 2 * tp + fp + fn)


def _auc(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    """Share of pairs of a positive and a negative image in which the positive one scores higher; ties count half."""
    positive, negative = _by_score(rows, counts)
    below = np.cumsum(negative, axis=1) - negative / 2
    return ratio((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _average_precision(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    """Sum over thresholds of precision times the gain in recall, as scikit-learn's `average_precision_score`."""
    positive, negative = _by_score(rows, counts)
    found, alarms = (np.cumsum(one[:, ::-1], axis=1) for one in (positive, negative))
    precision = ratio(found, found + alarms)
    return ratio(np.nansum(precision * positive[:, ::-1], axis=1), positive.sum(axis=1))


def _by_score(rows: pd.DataFrame, counts: Numbers) -> tuple[Numbers, Numbers]:
    """Positive and negative images of each score, the lowest first: (resamples, scores)."""
    score, truth = rows["score"].to_numpy(float), rows["truth"].to_numpy(float)
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    ordered, positive = counts[:, order], truth[order]
    return np.add.reduceat(ordered * positive, starts, axis=1), np.add.reduceat(
        ordered * (1 - positive), starts, axis=1
    )


def _brier(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    return ratio(counts @ ((rows["score"] - rows["truth"]).to_numpy(float) ** 2), counts.sum(axis=1))


def _of_both(name: str, values: Values, columns: tuple[str, ...], *, ranks: bool = False) -> Statistic:
    return Statistic(name, values, columns, kind="bounded", both_classes=True, fewest=FEWEST_OF_A_CLASS, ranks=ranks)


SENSITIVITY = share_of("sensitivity", _is("answer", 1), _ANSWERED, _is("truth", 1))
SPECIFICITY = share_of("specificity", _is("answer", 0), _ANSWERED, _is("truth", 0))
PPV = share_of("the positive predictive value", _is("truth", 1), _ANSWERED, _is("answer", 1))
NPV = share_of("the negative predictive value", _is("truth", 0), _ANSWERED, _is("answer", 0))
ACCURACY = share_of("accuracy", _right, _ANSWERED)
BALANCED_ACCURACY = _of_both("balanced accuracy", _balanced_accuracy, _ANSWERED)
F1 = Statistic("F1", _f1, _ANSWERED, kind="bounded", without="no image is positive, nor any answer")
AUC = _of_both("AUC", _auc, ("truth", "score"), ranks=True)
AVERAGE_PRECISION = _of_both("average precision", _average_precision, ("truth", "score"), ranks=True)
BRIER = Statistic("the Brier score", _brier, ("truth", "score"))

AT_THE_OPERATING_POINT = {
    "sensitivity": SENSITIVITY,
    "specificity": SPECIFICITY,
    "ppv": PPV,
    "npv": NPV,
    "accuracy": ACCURACY,
    "balanced_accuracy": BALANCED_ACCURACY,
    "f1": F1,
}
OF_SCORES = {"auc": AUC, "average_precision": AVERAGE_PRECISION, "brier": BRIER}
