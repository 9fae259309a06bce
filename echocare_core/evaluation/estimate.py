"""A number of an evaluation with its 95 % interval, on how many patients it stands, and when not to trust it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from echocare_core.counting import counted
from echocare_core.evaluation.bootstrap import (
    Summary,
    corrected_interval,
    group_numbers,
    jackknife_interval,
    percentile_interval,
    resampled,
)
from echocare_core.evaluation.statistic import Numbers, Statistic, Values

FEWEST_GROUPS = 10  # below, intervals from resampled clusters are too narrow (Cameron, Gelbach & Miller 2008, table 2)
_NO_SPREAD = "There is no interval: without some patients it has no value."
MOST_LOST = 0.05  # share of resamples in which the statistic may have no value


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        estimate: of all rows; nan where it cannot be known.
        low: lower end of the interval; nan where it cannot be known.
        high: upper end.
        images: rows that it is of.
        groups: patients that these are of.
        unit: such as "mm"; "" for a share or a coefficient.
        warning: a sentence why the number or its interval is missing, or should not be trusted; "" where neither.
    """

    estimate: float
    low: float
    high: float
    images: int
    groups: int
    unit: str = ""
    warning: str = ""


def as_summary(number: Estimate) -> Summary:
    """A number as `evaluation.json` has it."""
    found: Summary = {
        "mean": number.estimate,
        "low": number.low,
        "high": number.high,
        "images": number.images,
        "groups": number.groups,
    }
    return {**found, "warning": number.warning} if number.warning else found


def estimate(rows: pd.DataFrame, statistic: Statistic) -> Estimate:
    """A statistic with its 95 % interval over groups.

    A share (a mean of zeros and ones), and what lies between 0 and 1 as a share does, such as an AUC, has the Wilson
    interval of `wilson_interval`, which is one where all or none are right too, and at numbers near 1 holds the true
    one as often as it says; its variance is over groups, of an AUC from the bootstrap. What is skewed, such as a slope,
    has that of `jackknife_interval`; everything else the expanded percentile bootstrap interval of
    `percentile_interval`. How often each holds the true number is measured by `benchmarks/intervals.py`.

    Args:
        rows: one per image, with `group` (patient) and the columns of the statistic.
        statistic: what to compute.
    """
    used = statistic.rows_of(rows)
    unknown = _why_unknown(used, statistic)
    if unknown:
        return no_estimate(used, unknown, statistic.unit)
    point = float(statistic.values(used, np.ones((1, len(used))))[0])
    if math.isnan(point):
        return no_estimate(used, f"{statistic.name} has no value where {statistic.without}.", statistic.unit)
    (low, high), doubt = _interval(used, statistic, point)
    ends = float(np.clip(low, *statistic.limits)), float(np.clip(high, *statistic.limits))
    reasons = (_too_small(used, statistic), doubt, _left_out(rows, used, statistic))
    return Estimate(point, *ends, len(used), count_groups(used), statistic.unit, " ".join(filter(None, reasons)))


def estimates(rows: pd.DataFrame, values: Values, unit: str = "") -> list[Estimate]:
    """Several numbers of the same rows at once, each with its expanded percentile bootstrap interval.

    Args:
        rows: one or more, with `group`; nothing in them that `values` reads is missing.
        values: (rows, counts (resamples, rows)) -> (resamples, numbers).
        unit: of all numbers.
    """
    points = values(rows, np.ones((1, len(rows))))[0]
    drawn, groups = resampled(rows, values), count_groups(rows)
    intervals = [percentile_interval(column, groups) for column in drawn.T]
    return [
        Estimate(float(point), *ends, len(rows), groups, unit, too_few_groups(groups))
        for point, ends in zip(points, intervals, strict=True)
    ]


def values_among(rows: pd.DataFrame, statistic: Statistic, counts: Numbers) -> Numbers:
    """A statistic (resamples,) of the rows that it is about; nan where there is none.

    Args:
        rows: with what it reads; those in which that is missing do not count.
        statistic: what to compute.
        counts: (resamples, rows).
    """
    used = statistic.rows_of(rows.reset_index(drop=True))
    if used.empty:
        return np.full(len(counts), np.nan)
    return statistic.values(used, counts[:, used.index.to_numpy()])


def no_estimate(rows: pd.DataFrame, why: str, unit: str = "") -> Estimate:
    """A number that cannot be known.

    Args:
        rows: that it would have been of, with `group`.
        why: a sentence.
        unit: of the number.
    """
    return Estimate(math.nan, math.nan, math.nan, len(rows), count_groups(rows), unit, why)


def count_groups(rows: pd.DataFrame) -> int:
    """How many groups (patients) rows are of."""
    return int(rows["group"].nunique(dropna=False))


def wilson_interval(point: float, variance: float, groups: int, images: int) -> tuple[float, float]:
    """Wilson's score interval of a number between 0 and 1, with an effective number of images and Student's t.

    The effective number is that of independent images whose share would vary as much as this number does, at most the
    number of images; where nothing varies, because all are right or none, it is the number of groups. For shares of
    clustered images: Franco, Little, Louis & Slud (2019), J. Survey Statistics and Methodology 7, 334.

    Args:
        point: the number.
        variance: of it, over groups.
        groups: that it stands on; with fewer than two there is no interval (nan).
        images: that it stands on.

    Returns:
        The ends, 0 to 1.
    """
    if groups < 2:
        return math.nan, math.nan
    effective = min(point * (1 - point) / variance, images) if variance > 0 else groups
    if effective <= 0:
        return math.nan, math.nan
    far = float(stats.t.ppf(0.975, groups - 1)) ** 2 / effective
    middle = (point + far / 2) / (1 + far)
    half = math.sqrt(far * (point * (1 - point) + far / 4)) / (1 + far)
    return max(0.0, middle - half), min(1.0, middle + half)


def _interval(used: pd.DataFrame, statistic: Statistic, point: float) -> tuple[tuple[float, float], str]:
    """The ends of the interval, and a sentence where they are to be doubted."""
    groups = count_groups(used)
    if statistic.hit is not None:
        return _share_interval(used, point, statistic.hit(used)), ""
    if statistic.kind == "skewed":
        ends = jackknife_interval(used, statistic.values, point)
        return ends, _NO_SPREAD if math.isnan(ends[0]) and groups > 1 else ""
    drawn = resampled(used, statistic.values)
    if statistic.kind == "bounded":
        return _bounded_interval(used, statistic, point, drawn), _lost(drawn)
    if statistic.kind == "inflated" and groups > 1:
        return corrected_interval(drawn, groups, point), why_doubtful(drawn)
    return percentile_interval(drawn, groups), why_doubtful(drawn) if groups > 1 else ""


def _share_interval(used: pd.DataFrame, share: float, hits: NDArray[np.bool_]) -> tuple[float, float]:
    residuals, groups = np.bincount(group_numbers(used), hits - share), count_groups(used)
    variance = groups / max(1, groups - 1) * float(residuals @ residuals) / len(used) ** 2
    return wilson_interval(share, variance, groups, len(used))


def _bounded_interval(used: pd.DataFrame, statistic: Statistic, point: float, drawn: Numbers) -> tuple[float, float]:
    """As of a share, with the variance of the resamples; where classes count it stands on the groups of the rarest."""
    groups = count_groups(used)
    known = drawn[np.isfinite(drawn)]
    variance = groups / max(1, groups - 1) * float(known.var()) if len(known) else math.nan
    stands_on = _groups_of_the_rarest(used) if statistic.fewest else groups
    return wilson_interval(point, variance, stands_on, len(used))


def _groups_of_the_rarest(used: pd.DataFrame) -> int:
    """Of the class in `truth`, 0 and 1 or names, that fewest groups have; one that no row has does not count."""
    return int(used.groupby("truth", observed=True)["group"].nunique().min())


def why_doubtful(drawn: Numbers) -> str:
    """A sentence where resamples (resamples,) of a statistic tell little of how it varies; "" where they do."""
    if np.isfinite(drawn).any() and np.nanmin(drawn) == np.nanmax(drawn):
        return "It is the same in all resamples, so that its interval says nothing of how it varies."
    return _lost(drawn)


def _lost(drawn: Numbers) -> str:
    lost = float(np.mean(~np.isfinite(drawn)))
    return f"It has no value in {lost:.0%} of the resamples, which are left out." if lost > MOST_LOST else ""


def _why_unknown(used: pd.DataFrame, statistic: Statistic) -> str:
    if used.empty:
        return "There is no image that it could be computed of."
    if statistic.both_classes and used["truth"].nunique() < 2:
        return f"All images are of one class; {statistic.name} needs both."
    return ""


def too_few_groups(groups: int) -> str:
    """A sentence where an interval is of too few groups to be trusted; "" where it is not."""
    if groups < 2:
        return "One patient alone tells nothing of others; there is no interval."
    if groups < FEWEST_GROUPS:
        return f"Only {groups} patients: with fewer than {FEWEST_GROUPS} the interval may be too narrow."
    return ""


def _too_small(used: pd.DataFrame, statistic: Statistic) -> str:
    few = too_few_groups(count_groups(used))
    if few or not statistic.fewest:
        return few
    rarest = _groups_of_the_rarest(used)
    enough = rarest >= statistic.fewest
    return "" if enough else f"Only {counted(rarest, 'patient')} of one class; needed {statistic.fewest} to be trusted."


def _left_out(rows: pd.DataFrame, used: pd.DataFrame, statistic: Statistic) -> str:
    about = rows if statistic.among is None else rows[statistic.among(rows)]
    missing = len(about) - len(used)
    return f"{counted(missing, 'image')} without {' or '.join(statistic.columns)} left out." if missing else ""
