"""Agreement of measurements with those of a reader: Bland and Altman's limits, repeated measures included.

A table has `group` (patient), `measured` and `truth`, both in the same unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from echocare_core.evaluation.averages import mean_of, share_within
from echocare_core.evaluation.bootstrap import group_numbers
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.statistic import Numbers, Statistic, Values, ratio

WITHIN = 1.96  # standard deviations on both sides hold 95 % of differences
_COLUMNS = ("measured", "truth")


def summarise_agreement(rows: pd.DataFrame, unit: str, tolerance: float | None = None) -> dict[str, Estimate]:
    """How far measurements lie from the truth.

    Args:
        rows: one per image; where one of both numbers is missing it is left out.
        unit: of both, such as "mm".
        tolerance: in that unit; None where the table has none.

    Returns:
        `bias`: mean of measured less truth. `standard_deviation` of that difference for one image of a new patient:
        the sum of its variances between and within patients (Bland & Altman 2007, section 3). `lower_limit` and
        `upper_limit`: bias -+ 1.96 of it, the limits of agreement. `mean_absolute_error`. `proportional_bias`: slope of
        the difference on the mean of both (Bland & Altman 1999, section 3.2), ideally 0. `icc`: ICC(A,1) of McGraw &
        Wong 1996, which is ICC(2,1) of Shrout & Fleiss 1979, each image a subject. `within_tolerance`: share of images
        whose difference is no more than that; an image that has a truth and could not be measured is not within.
    """
    apart = rows.assign(difference=rows["measured"] - rows["truth"])
    apart = apart.assign(distance=apart["difference"].abs())
    numbers = {name: estimate(apart, statistic) for name, statistic in statistics(unit).items()}
    if tolerance is None:
        return numbers
    with_truth = apart[apart["truth"].notna()]
    return {**numbers, "within_tolerance": estimate(with_truth, share_within("difference", tolerance))}


def statistics(unit: str) -> dict[str, Statistic]:
    """What `summarise_agreement` reports, of rows with `difference` (measured less truth) and its size `distance`."""
    return {
        "bias": mean_of("difference", unit),
        "standard_deviation": _of_spread("the standard deviation", _deviation, unit, least=0),
        "lower_limit": _limit(-WITHIN, unit),
        "upper_limit": _limit(WITHIN, unit),
        "mean_absolute_error": mean_of("distance", unit),
        "proportional_bias": Statistic("the slope", _proportional, _COLUMNS, without="all values are equal"),
        "icc": icc(_COLUMNS),
    }


def _limit(deviations: float, unit: str) -> Statistic:
    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        bias = ratio(counts @ rows["difference"].to_numpy(float), counts.sum(axis=1))
        return bias + deviations * _deviation(rows, counts)

    return _of_spread("the limit of agreement", values, unit)


def _of_spread(name: str, values: Values, unit: str, least: float = -math.inf) -> Statistic:
    alone = "there is one patient"
    limits = (least, math.inf)
    return Statistic(name, values, ("difference",), unit=unit, kind="skewed", limits=limits, without=alone)


def _deviation(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    """Square root of the variances between and within groups, from an analysis of variance with unequal numbers."""
    numbers, difference = group_numbers(rows), rows["difference"].to_numpy(float)
    difference = difference - difference.mean()
    images, sums, squares = (np.bincount(numbers, weights) for weights in (None, difference, difference**2))
    drawn = counts[:, np.unique(numbers, return_index=True)[1]]  # groups, each as often as its first row
    groups, total = drawn.sum(axis=1), drawn @ images
    within = drawn @ (squares - sums**2 / images)
    between = drawn @ (sums**2 / images) - ratio((drawn @ sums) ** 2, total)
    mean_within = np.nan_to_num(ratio(within, total - groups))
    mean_between = ratio(between, groups - 1)
    per_group = ratio(total - ratio(drawn @ images.astype(float) ** 2, total), groups - 1)
    return np.sqrt(np.maximum(0, ratio(mean_between - mean_within, per_group)) + mean_within)


def _proportional(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    difference = (rows["measured"] - rows["truth"]).to_numpy(float)
    size = ((rows["measured"] + rows["truth"]) / 2).to_numpy(float)
    size = size - size.mean()
    images = counts.sum(axis=1)
    of_size, of_difference = counts @ size, counts @ difference
    return ratio(
        images * (counts @ (size * difference)) - of_size * of_difference, images * (counts @ size**2) - of_size**2
    )


def icc(columns: Sequence[str]) -> Statistic:
    """Intraclass correlation for absolute agreement of single measurements: ICC(2,1), also written ICC(A,1).

    Args:
        columns: two or more, each of one reader, all in one unit; each row is a subject.
    """

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        table = rows[list(columns)].to_numpy(float)
        table, readers = table - table.mean(), len(columns)
        subjects = counts.sum(axis=1)
        by_reader = ratio(counts @ table, subjects[:, None])
        grand = by_reader.mean(axis=1)
        of_subjects = readers * (counts @ table.mean(axis=1) ** 2 - subjects * grand**2)
        of_readers = subjects * ((by_reader - grand[:, None]) ** 2).sum(axis=1)
        in_all = counts @ (table**2).sum(axis=1) - subjects * readers * grand**2
        left = (in_all - of_subjects - of_readers) / (readers - 1)
        mean_subjects, mean_left = ratio(of_subjects, subjects - 1), ratio(left, subjects - 1)
        mean_readers = of_readers / (readers - 1)
        below = mean_subjects + (readers - 1) * mean_left + readers * ratio(mean_readers - mean_left, subjects)
        return ratio(mean_subjects - mean_left, below)

    return Statistic("the ICC", values, tuple(columns), kind="skewed", limits=(-1, 1), without="all values are equal")
