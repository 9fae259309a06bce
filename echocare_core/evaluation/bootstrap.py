"""Bootstrap intervals over patients: the images of one patient are drawn together."""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from echocare_core.evaluation.statistic import Numbers, Values

RESAMPLES = 2000
SEED = 0
MOST_LEFT_OUT = 200  # times that groups are left out; of more groups several at once
CELLS = 2_000_000  # of a block of resamples x rows or groups that is held at once: 16 MB


class Summary(TypedDict, total=False):
    """A number as `evaluation.json` has it.

    Attributes:
        mean: the number, of whatever kind it is; nan where it cannot be known.
        low: lower end of its 95 % interval; nan where it cannot be known.
        high: upper end.
        images: that it is of.
        groups: patients that these are of.
        warning: a sentence why it or its interval is missing, or should not be trusted, where there is one.
        groups_left_out: of a number per patient, patients who have none.
    """

    mean: float
    low: float
    high: float
    images: int
    groups: int
    warning: str
    groups_left_out: int


def group_numbers(rows: pd.DataFrame) -> NDArray[np.int64]:
    """The number of each row's group, int64 (rows,), from 0 in the order of the groups; a missing one is a group."""
    return pd.factorize(rows["group"], sort=True, use_na_sentinel=False)[0].astype(np.int64)


def resampled(rows: pd.DataFrame, values: Values, resamples: int = RESAMPLES) -> Numbers:
    """A statistic of resamples of the groups, drawn with replacement, always the same ones of a table.

    Args:
        rows: one per image, with `group`; one or more.
        values: the statistic, see `Statistic`.
        resamples: how many.

    Returns:
        What `values` gives, of all resamples: (resamples,) or (resamples, numbers).
    """
    numbers = group_numbers(rows)
    groups, generator = int(numbers.max()) + 1, np.random.default_rng(SEED)
    block = max(1, CELLS // len(rows))
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    return np.concatenate([values(rows, _draw(generator, size, groups)[:, numbers]) for size in sizes])


def _draw(generator: np.random.Generator, resamples: int, groups: int) -> Numbers:
    """How often each group is in each resample: (resamples, groups)."""
    drawn = generator.integers(groups, size=(resamples, groups)) + groups * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * groups).reshape(resamples, groups).astype(np.float64)


def percentile_interval(drawn: Numbers, groups: int) -> tuple[float, float]:
    """The expanded percentile interval of 95 % (Hesterberg 2015, section 3.4): percentiles, further out for few groups.

    Args:
        drawn: of resamples (resamples,); those without a value (nan) are left out.
        groups: that were resampled; with fewer than two there is no interval (nan).
    """
    known = drawn[np.isfinite(drawn)]
    if groups < 2 or not len(known):
        return math.nan, math.nan
    below = 100 * stats.norm.cdf(-math.sqrt(groups / (groups - 1)) * stats.t.ppf(0.975, groups - 1))
    low, high = np.percentile(known, (below, 100 - below))
    return float(low), float(high)


def corrected_interval(drawn: Numbers, groups: int, point: float) -> tuple[float, float]:
    """The percentile interval of 95 % of what is never negative and larger by chance alone, less what chance adds.

    Chance adds to the square of a distance (Ferro & Fricker 2012), as much in resamples of a table as in the table
    itself; so it is taken off the square of the lower end twice, and once, to be on the safe side, of the upper one.

    Args:
        drawn: of resamples (resamples,).
        groups: that were resampled.
        point: of all rows.

    Returns:
        The ends, 0 or more; both may lie below `point`.
    """
    low, high = percentile_interval(drawn, groups)
    by_chance = float(np.nanmean(drawn**2)) - point**2
    return math.sqrt(max(0.0, low**2 - 2 * by_chance)), math.sqrt(max(0.0, high**2 - by_chance))


def jackknife_interval(rows: pd.DataFrame, values: Values, point: float) -> tuple[float, float]:
    """The interval of 95 % from how a statistic changes as groups are left out, one by one (Efron & Tibshirani 1993,
    section 11.5; of more than 200 groups several at once, Kott 2001), with Student's t.

    Args:
        rows: one per image, with `group`.
        values: the statistic, see `Statistic`.
        point: of all rows.

    Returns:
        The ends; nan of fewer than two groups, and where the statistic has no value once some are left out.
    """
    numbers = group_numbers(rows)
    groups = int(numbers.max()) + 1
    blocks = min(groups, MOST_LEFT_OUT)
    if groups < 2:
        return math.nan, math.nan
    block = np.random.default_rng(SEED).permutation(groups) % blocks
    left = values(rows, (block[numbers] != np.arange(blocks)[:, None]).astype(np.float64))
    variance = (blocks - 1) / blocks * float(((left - left.mean()) ** 2).sum())
    half = float(stats.t.ppf(0.975, blocks - 1)) * math.sqrt(variance)
    return point - half, point + half
