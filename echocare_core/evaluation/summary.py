"""Numbers as `evaluation.json` has them: the means of a table, null for what is not known, and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from echocare_core.evaluation.averages import mean_or_share
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.estimate import as_summary, estimate

KEYS = ("image", "frame", "group")  # columns that say which image a row is of


def summarise_means(rows: pd.DataFrame) -> dict[str, Summary]:
    """Mean and 95 % interval of every column, over the images where it is known (`estimate`).

    Args:
        rows: one per image, with `image`, `group` (patient) and, of a cine, `frame`, all else numbers; a missing one
            (nan) is left out and shows in `images`. A column of nothing but 0 and 1 has the interval of a share.

    Returns:
        Of each column its number; nan where it is known of no image, without an interval where it is of one patient.
    """
    names = [name for name in rows.columns if name not in KEYS]
    return {name: as_summary(estimate(rows, mean_or_share(name, rows[name]))) for name in names}


def with_null(numbers: Mapping[str, Summary]) -> dict[str, dict[str, Any]]:
    """Numbers for a file: JSON has no nan, so null stands for it."""
    return {
        name: {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in number.items()}
        for name, number in numbers.items()
    }


def spelled(number: Mapping[str, Any], digits: str = ".3f") -> str:
    """A mean with its 95 % interval, as 0.812 (0.744 to 0.871), and in words where there is none.

    Args:
        number: a `Summary`, or one from a file, with null for what is not known.
        digits: format of each, such as "+.3f" for a difference.
    """
    mean, low, high = (math.nan if number[name] is None else number[name] for name in ("mean", "low", "high"))
    if math.isnan(mean):
        return "unknown"
    between = "no interval" if math.isnan(low) else f"{low:{digits}} to {high:{digits}}"
    return f"{mean:{digits}} ({between})"
