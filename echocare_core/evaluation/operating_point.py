"""The operating point: fixed beforehand on other patients, then only reported on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.many_classes import kappa
from echocare_core.evaluation.two_classes import AT_THE_OPERATING_POINT


def answer_at(rows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The rows with `answer`: 1.0 where `score` is the threshold or more, else 0.0; nan where there is no score."""
    return rows.assign(answer=(rows["score"] >= threshold).astype(float).where(rows["score"].notna()))


def at_operating_point(rows: pd.DataFrame, threshold: float) -> dict[str, Estimate]:
    """Sensitivity, specificity, ppv, npv, accuracy, balanced_accuracy, f1 and kappa at a threshold.

    Args:
        rows: one per image, with `group`, `truth` (0 or 1) and `score` (probability of 1).
        threshold: that was fixed without these rows, such as the one in the bundle's configuration.

    Returns:
        Each by its name. Predictive values are those at the share of positive images in these rows.
    """
    answered = answer_at(rows, threshold)
    return {name: estimate(answered, one) for name, one in {**AT_THE_OPERATING_POINT, "kappa": kappa((0, 1))}.items()}


def choose_threshold(chosen_on: pd.DataFrame, reported_on: pd.DataFrame, *, sensitivity: float | None = None) -> float:
    """Choose an operating point on patients other than those it is reported on.

    Args:
        chosen_on: table with `group`, `truth` (0 or 1) and `score`, of both classes.
        reported_on: table with the `group` of all that will be reported on; nothing else of it is read.
        sensitivity: least one to reach on `chosen_on`, with the best specificity; the largest sum of sensitivity and
            specificity (Youden 1950) where None.

    Returns:
        The threshold: a `score` from which on the answer is 1.

    Raises:
        TableError: a group that is in both tables, or `chosen_on` of one class.
    """
    shared = set(chosen_on["group"]) & set(reported_on["group"])
    if shared:
        raise TableError(
            f"{counted(len(shared), 'patient')} of the table that the operating point is chosen on would be reported "
            f"on too; needed different patients. Take them out of one of both."
        )
    known = chosen_on.dropna(subset=["truth", "score"])
    if known["truth"].nunique() < 2:
        raise TableError("The table that the operating point is chosen on has one class; needed both.")
    false_alarms, found, thresholds = roc_curve(known["truth"], known["score"], drop_intermediate=False)
    if sensitivity is None:
        return float(thresholds[1:][np.argmax((found - false_alarms)[1:])])
    return float(thresholds[1:][np.argmax(found[1:] >= sensitivity - 1e-12)])
