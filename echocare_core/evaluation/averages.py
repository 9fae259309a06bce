"""Means, medians and shares of a column, as `Statistic`s."""

from __future__ import annotations

import numpy as np
import pandas as pd

from echocare_core.evaluation.statistic import Numbers, Statistic, ratio, share_of


def mean_of(column: str, unit: str = "") -> Statistic:
    """Mean of a column, where it is known."""

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        return ratio(counts @ rows[column].to_numpy(float), counts.sum(axis=1))

    return Statistic("the mean", values, (column,), unit=unit)


def median_of(column: str, unit: str = "") -> Statistic:
    """Median of a column, where it is known; the mean of the two middle values of an even number."""

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        known = rows[column].to_numpy(float)
        order = np.argsort(known, kind="stable")
        reached, half = np.cumsum(counts[:, order], axis=1), counts.sum(axis=1, keepdims=True) / 2
        lower, upper = (reached < half).sum(axis=1), (reached <= half).sum(axis=1)
        return (known[order][lower] + known[order][np.minimum(upper, len(known) - 1)]) / 2

    return Statistic("the median", values, (column,), unit=unit)


def share_within(column: str, tolerance: float) -> Statistic:
    """Share of rows whose column is at most `tolerance` from 0, in its unit; a missing value (nan) is outside.

    Of errors that is the share within a tolerance, of distances between landmarks the success detection rate.
    """
    return share_of(f"the share within {tolerance:g}", lambda rows: (rows[column].abs() <= tolerance).to_numpy(), ())


def share_true(column: str) -> Statistic:
    """Share of rows whose column is true or 1, where it is known."""
    return share_of(f"the share of {column}", lambda rows: rows[column].to_numpy(bool), (column,))


def mean_or_share(column: str, values: pd.Series) -> Statistic:
    """`share_true` of a column whose known values are all 0 or 1, else `mean_of`."""
    return share_true(column) if values.dropna().isin((0, 1)).all() else mean_of(column)


def quotient(name: str, above: str, below: str) -> Statistic:
    """Sum of one column by that of another."""

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        return ratio(counts @ rows[above].to_numpy(float), counts @ rows[below].to_numpy(float))

    return Statistic(name, values, (above, below), without=f"{below.replace('_', ' ')} are none")
