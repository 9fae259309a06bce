"""Two models, or two versions of one, on the same cases: the difference, its interval, and whether it may be chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.counting import first_ten
from echocare_core.errors import TableError
from echocare_core.evaluation.bootstrap import CELLS, RESAMPLES, SEED, group_numbers, percentile_interval, resampled
from echocare_core.evaluation.estimate import (
    Estimate,
    count_groups,
    estimate,
    too_few_groups,
    values_among,
    why_doubtful,
    wilson_interval,
)
from echocare_core.evaluation.statistic import Numbers, Statistic

MOST_ENUMERATED = 12  # patients up to which all exchanges are tried, 4,096 of them


@dataclass(frozen=True)
class Comparison:
    """One number of two models on the cases that both have.

    Attributes:
        first: of the first model.
        second: of the second.
        difference: first less second, with its interval of the paired bootstrap over patients.
        p: chance of a difference as large where the models are alike; nan where it cannot be known.
        test: how `p` was found.
        only_first: cases that the second model does not have; they are in no number here.
        only_second: cases that the first does not have.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p: float
    test: str
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def compare(first: pd.DataFrame, second: pd.DataFrame, statistic: Statistic, key: str = "image") -> Comparison:
    """Compare two models by a statistic.

    The test exchanges the models' results, patient by patient, and looks how often the difference becomes as large
    (Good 2005, section 3.7): of answers it is McNemar's test, for several images of a patient too; of an AUC that of
    Bandos, Rockette & Gur (2005), which exchanges ranks.

    Args:
        first: a row per case with `key`, `group` and what the statistic reads.
        second: likewise.
        statistic: what to compute.
        key: column that names a case.

    Raises:
        TableError: a case twice in one table, or whose truth or group is not the same in both.
    """
    one, other = (_by_case(table, key) for table in (first, second))
    both = [case for case in one.index if case in other.index]
    pair = one.loc[both], other.loc[both]
    _check_same(*pair)
    columns = list(statistic.columns)
    known = np.logical_and.reduce([table[columns].notna().all(axis=1).to_numpy() for table in pair])
    pair = pair[0][known], pair[1][known]
    numbers = [estimate(table, statistic) for table in pair]
    p, test = _exchange(*pair, statistic) if known.any() else (math.nan, "There is no case that both have.")
    left = int((~known).sum())
    note = f"{left} of the cases that both have lack {' or '.join(columns)} in one of them." if left else ""
    difference = _difference(*pair, statistic, (numbers[0].estimate, numbers[1].estimate), note)
    only = [tuple(str(case) for case in a.index.difference(b.index)) for a, b in ((one, other), (other, one))]
    return Comparison(numbers[0], numbers[1], difference, p, test, *only)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P values of several comparisons, each corrected for there being several (Holm 1979).

    Args:
        p_values: by name; an unknown one (nan) stays so and is not counted.
    """
    known = sorted((p, name) for name, p in p_values.items() if not math.isnan(p))
    largest, corrected = 0.0, dict(p_values)
    for place, (p, name) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - place)))
        corrected[name] = largest
    return corrected


def _by_case(table: pd.DataFrame, key: str) -> pd.DataFrame:
    twice = sorted({str(case) for case in table[key][table[key].duplicated()]})
    if twice:
        raise TableError(f"Twice in a table to compare: {first_ten(twice)}; needed one row for a case. Take one out.")
    return table.set_index(key)


def _check_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    for column in ({"truth", "group"} & set(one)) & set(other):
        same = (one[column] == other[column]) | (one[column].isna() & other[column].isna())
        if not same.all():
            cases = first_ten([str(case) for case in one.index[~same]])
            raise TableError(
                f"Two tables to compare differ in {column} of {cases}; needed the same. Score both with one of labels."
            )


def _difference(
    one: pd.DataFrame, other: pd.DataFrame, statistic: Statistic, points: tuple[float, float], note: str
) -> Estimate:
    apart, groups = points[0] - points[1], count_groups(one)
    if math.isnan(apart):
        why = f"{statistic.name} has no value of one of both. {note}".strip()
        return Estimate(math.nan, math.nan, math.nan, len(one), groups, statistic.unit, why)

    def values(_: pd.DataFrame, counts: Numbers) -> Numbers:
        return values_among(one, statistic, counts) - values_among(other, statistic, counts)

    drawn = resampled(one, values)
    low, high = percentile_interval(drawn, groups)
    if statistic.hit is not None and low == high == 0:
        high = wilson_interval(0.0, 0.0, groups, len(one))[1]  # no patient differs: as many as may without being seen
        low = -high
    warning = " ".join(filter(None, [too_few_groups(groups), why_doubtful(drawn) if low == high else "", note]))
    return Estimate(apart, low, high, len(one), groups, statistic.unit, warning)


def _exchange(one: pd.DataFrame, other: pd.DataFrame, statistic: Statistic) -> tuple[float, str]:
    """P value of the permutation test, two-sided, and its name."""
    if statistic.ranks:
        one, other = (table.assign(score=table["score"].rank()) for table in (one, other))
    numbers, both = group_numbers(one), pd.concat([one, other], ignore_index=True)
    groups = int(numbers.max()) + 1
    if groups < 2:
        return math.nan, "One patient alone tells nothing of chance."
    exact = groups <= MOST_ENUMERATED

    def apart(flips: NDArray[np.bool_]) -> Numbers:
        second = flips[:, numbers].astype(np.float64)
        first = 1 - second
        exchanged = (np.concatenate(pair, axis=1) for pair in ((first, second), (second, first)))
        mine, theirs = (values_among(both, statistic, counts) for counts in exchanged)
        return np.abs(mine - theirs)

    found = apart(np.zeros((1, groups), dtype=bool))[0]
    flips = _all_flips(groups) if exact else np.random.default_rng(SEED).random((RESAMPLES, groups)) < 0.5
    block = max(1, CELLS // (2 * len(one)))
    drawn = np.concatenate([apart(flips[start : start + block]) for start in range(0, len(flips), block)])
    if math.isnan(found):
        return math.nan, f"{statistic.name} has no value of one of both."
    as_large = int((drawn >= found - 1e-12).sum())
    p = as_large / len(flips) if exact else (as_large + 1) / (len(flips) + 1)
    return p, f"permutation by patient, {'all' if exact else 'a sample of'} {len(flips):,} exchanges"


def _all_flips(groups: int) -> NDArray[np.bool_]:
    return (np.arange(2**groups)[:, None] >> np.arange(groups) & 1).astype(bool)
