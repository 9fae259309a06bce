"""The decision curve: what acting on an answer is worth beside acting on all patients or on none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from echocare_core.evaluation.estimate import Estimate, estimates
from echocare_core.evaluation.statistic import Numbers, ratio

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(1, 100))


@dataclass(frozen=True)
class NetBenefit:
    """What is gained at one threshold; acting on none gains 0.

    Attributes:
        threshold: probability from which on one would act: at 0.2, a missed case weighs as much as four false alarms.
        model: true positives less weighted false positives, per image, when acting on scores from `threshold` on.
        treat_all: the same when acting on all.
        gain: `model` less the better one of acting on all and on none.
    """

    threshold: float
    model: Estimate
    treat_all: Estimate
    gain: Estimate


def decision_curve(rows: pd.DataFrame, thresholds: Sequence[float] = THRESHOLDS) -> tuple[NetBenefit, ...]:
    """Net benefit at each threshold (Vickers & Elkin 2006), with intervals over groups.

    It stands on the share of positive images in `rows`; where these were selected, as cases and controls, it is not
    that of a clinic.

    Args:
        rows: one per image, with `group`, `truth` (0 or 1) and `score` (probability of 1); those without truth or
            score are left out.
        thresholds: each above 0 and below 1.

    Returns:
        One per threshold; nothing where no image has a truth and a score.
    """
    known = rows.dropna(subset=["truth", "score"])
    if known.empty:
        return ()
    odds = np.array([threshold / (1 - threshold) for threshold in thresholds])

    def values(some: pd.DataFrame, counts: Numbers) -> Numbers:
        truth, score = some["truth"].to_numpy(float)[:, None], some["score"].to_numpy(float)[:, None]
        benefit, images = truth - (1 - truth) * odds, counts.sum(axis=1)[:, None]
        model = ratio(counts @ (benefit * (score >= np.asarray(thresholds))), images)
        treat_all = ratio(counts @ benefit, images)
        return np.concatenate([model, treat_all, model - np.maximum(treat_all, 0)], axis=1)

    found = estimates(known, values)
    parts = [found[part * len(odds) : (part + 1) * len(odds)] for part in range(3)]
    return tuple(NetBenefit(*one) for one in zip(thresholds, *parts, strict=True))
