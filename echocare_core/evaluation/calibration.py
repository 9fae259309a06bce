"""Calibration: whether of images that get a probability of 20 % one in five is positive.

A table has `group`, `truth` (0 or 1) and `score` (probability of 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.statistic import Numbers, Statistic, Values, ratio, share_of
from echocare_core.evaluation.two_classes import BRIER

BINS = 10
NEAREST = 1e-6  # a probability is taken to be at least this far from 0 and 1, where its logit would be infinite
FEWEST = 100  # positive and negative patients each, to judge calibration (Collins, Ogundimu & Altman 2016)
STEPS = 25  # of Newton's method at most
_COLUMNS = ("truth", "score")


@dataclass(frozen=True)
class ReliabilityBin:
    """Images whose probabilities are near each other.

    Attributes:
        low: smallest probability among them.
        high: largest.
        predicted: mean probability.
        observed: share of positive images, with its interval.
    """

    low: float
    high: float
    predicted: float
    observed: Estimate


def reliability_curve(rows: pd.DataFrame, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Predicted and observed shares in bins of about as many images each, the lowest probabilities first.

    Args:
        rows: one per image; those without truth or score are left out.
        bins: quantiles; fewer where many images share a probability.
    """
    known = rows.dropna(subset=list(_COLUMNS))
    places = _bins(known["score"].to_numpy(float), bins)
    positive = share_of("the observed share", lambda some: (some["truth"] == 1).to_numpy(), _COLUMNS)
    members = [known[places == place] for place in range(places.max(initial=-1) + 1)]
    return tuple(
        ReliabilityBin(some["score"].min(), some["score"].max(), some["score"].mean(), estimate(some, positive))
        for some in members
    )


def summarise_calibration(rows: pd.DataFrame) -> dict[str, Estimate]:
    """How well probabilities agree with what was observed.

    Args:
        rows: one per image; those without truth or score are left out.

    Returns:
        `expected_calibration_error`: mean distance of predicted and observed share over ten bins (Naeini 2015, with
        bins by quantile). `brier`: mean squared distance of score and truth, which is `reliability` - `resolution` +
        `uncertainty` (Murphy 1973; resolution with what varies within bins, Stephenson, Coelho & Jolliffe 2008).
        `slope` and `intercept` of a logistic regression of truth on the score's logit (Cox 1958), ideally 1 and 0;
        below 1 the scores are too extreme. `in_the_large`: the intercept with the slope held at 1 (Van Calster 2019),
        ideally 0; below 0 the scores are too high. `observed_to_expected`: positive images over the sum of scores.
    """
    return {name: estimate(rows, statistic) for name, statistic in STATISTICS.items()}


def _bins(scores: Numbers, bins: int) -> NDArray[np.int64]:
    """The bin of each score, from 0, none of them empty."""
    if not len(scores):
        return np.zeros(0, dtype=np.int64)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, scores, side="left"), return_inverse=True)[1].astype(np.int64)


def _in_bins(rows: pd.DataFrame, counts: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Images, sum of scores and sum of truths of each bin, each (resamples, bins)."""
    truth, score = rows["truth"].to_numpy(float), rows["score"].to_numpy(float)
    places = _bins(score, BINS)
    members = np.eye(places.max() + 1)[places]
    return counts @ members, counts @ (members * score[:, None]), counts @ (members * truth[:, None])


def _calibration_error(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    _, predicted, observed = _in_bins(rows, counts)
    return ratio(np.abs(predicted - observed).sum(axis=1), counts.sum(axis=1))


def _reliability(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    images, predicted, observed = _in_bins(rows, counts)
    return ratio(np.nansum(ratio((predicted - observed) ** 2, images), axis=1), counts.sum(axis=1))


def _uncertainty(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    share = ratio(counts @ rows["truth"].to_numpy(float), counts.sum(axis=1))
    return share * (1 - share)


def _resolution(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    return _reliability(rows, counts) + _uncertainty(rows, counts) - BRIER.values(rows, counts)


def _observed_to_expected(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    return ratio(counts @ rows["truth"].to_numpy(float), counts @ rows["score"].to_numpy(float))


def _logit(rows: pd.DataFrame) -> Numbers:
    score = rows["score"].to_numpy(float).clip(NEAREST, 1 - NEAREST)
    return np.log(score / (1 - score))


def _slope(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    return _recalibrate(rows, counts)[1]


def _intercept(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    return _recalibrate(rows, counts)[0]


def _recalibrate(rows: pd.DataFrame, counts: Numbers) -> tuple[Numbers, Numbers]:
    """Intercepts and slopes (resamples,) of logistic regressions on the logit, by Newton's method; nan if none ends."""
    logit, truth = _logit(rows), rows["truth"].to_numpy(float)
    intercept, slope = np.zeros(len(counts)), np.ones(len(counts))
    step = np.full((2, len(counts)), np.inf)
    for _ in range(STEPS):
        predicted = 1 / (1 + np.exp(-np.clip(intercept[:, None] + slope[:, None] * logit, -50, 50)))
        wrong, weight = counts * (truth - predicted), counts * predicted * (1 - predicted)
        first, crossed, second = weight.sum(axis=1), weight @ logit, weight @ logit**2
        gradient, crossed_gradient = wrong.sum(axis=1), wrong @ logit
        area = first * second - crossed**2
        step = np.stack(
            [
                ratio(second * gradient - crossed * crossed_gradient, area),
                ratio(first * crossed_gradient - crossed * gradient, area),
            ]
        )
        intercept, slope = intercept + step[0], slope + step[1]
        if np.nanmax(np.abs(step), initial=0) < 1e-8:
            break
    ended = (np.abs(step) < 1e-4).all(axis=0)
    return np.where(ended, intercept, np.nan), np.where(ended, slope, np.nan)


def _in_the_large(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    """Intercepts with the slope 1."""
    logit, truth = _logit(rows), rows["truth"].to_numpy(float)
    intercept = np.zeros(len(counts))
    step = np.full(len(counts), np.inf)
    for _ in range(STEPS):
        predicted = 1 / (1 + np.exp(-np.clip(intercept[:, None] + logit, -50, 50)))
        step = ratio((counts * (truth - predicted)).sum(axis=1), (counts * predicted * (1 - predicted)).sum(axis=1))
        intercept = intercept + step
        if np.nanmax(np.abs(step), initial=0) < 1e-8:
            break
    return np.where(np.abs(step) < 1e-4, intercept, np.nan)


_SEPARATED = "a score separates the classes perfectly, or all scores are the same"


def _chance_adds(name: str, values: Values) -> Statistic:
    return Statistic(name, values, _COLUMNS, kind="inflated", fewest=FEWEST)


def _fitted(name: str, values: Values) -> Statistic:
    return Statistic(name, values, _COLUMNS, kind="skewed", both_classes=True, fewest=FEWEST, without=_SEPARATED)


STATISTICS = {
    "expected_calibration_error": _chance_adds("the calibration error", _calibration_error),
    "brier": BRIER,
    "reliability": _chance_adds("reliability", _reliability),
    "resolution": _chance_adds("resolution", _resolution),
    "uncertainty": Statistic("uncertainty", _uncertainty, _COLUMNS),
    "slope": _fitted("the slope", _slope),
    "intercept": _fitted("the intercept", _intercept),
    "in_the_large": _fitted("calibration in the large", _in_the_large),
    "observed_to_expected": Statistic(
        "observed to expected", _observed_to_expected, _COLUMNS, kind="skewed", limits=(0, math.inf)
    ),
}
