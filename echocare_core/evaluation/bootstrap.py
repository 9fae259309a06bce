"""Bootstrap intervals over patients: the images of one patient are drawn together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

RESAMPLES = 2000
SEED = 0
PERCENTILES = (2.5, 97.5)
Summary = dict[str, float]


def summarise_means(rows: pd.DataFrame) -> dict[str, Summary]:
    """Mean and 95 % bootstrap interval of every numeric column, over the images where it is known.

    Args:
        rows: one per image, with `image` and `group` (patient); a missing number (nan) is left out and shows in
            `images`.

    Returns:
        For each column `mean`, `low`, `high`, `images` and `groups`; nan where it is known of no image.
    """
    names = [name for name in rows.columns if name not in ("image", "group")]
    return {name: _summarise_mean(rows[["group", name]].dropna(), name) for name in names}


def summarise_statistic(rows: pd.DataFrame, statistic: Callable[[pd.DataFrame], float]) -> Summary:
    """A statistic of all rows that is no mean, such as an area under a curve, with its 95 % bootstrap interval.

    Args:
        rows: one per image, with `group` (patient).
        statistic: of rows as these; nan where it has no value, as of one class alone. Such resamples are left out.

    Returns:
        `mean` (the statistic of all rows), `low`, `high`, `images` and `groups`.
    """
    members = [np.flatnonzero(rows["group"] == group) for group in np.unique(rows["group"])]
    found = {"mean": math.nan, "low": math.nan, "high": math.nan, "images": len(rows), "groups": len(members)}
    if not members:
        return found
    generator = np.random.default_rng(SEED)
    drawn = generator.integers(len(members), size=(RESAMPLES, len(members)))
    values = np.array([statistic(rows.iloc[np.concatenate([members[one] for one in draw])]) for draw in drawn])
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, PERCENTILES) if len(known) else (math.nan, math.nan)
    return {**found, "mean": float(statistic(rows)), "low": float(low), "high": float(high)}


def _summarise_mean(rows: pd.DataFrame, name: str) -> Summary:
    if rows.empty:
        return {"mean": math.nan, "low": math.nan, "high": math.nan, "images": 0, "groups": 0}
    sums = rows.groupby("group")[name].agg(["sum", "count"]).to_numpy(dtype=float)
    generator = np.random.default_rng(SEED)
    drawn = sums[generator.integers(len(sums), size=(RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], PERCENTILES)
    mean = float(rows[name].mean())
    return {"mean": mean, "low": float(low), "high": float(high), "images": len(rows), "groups": len(sums)}
