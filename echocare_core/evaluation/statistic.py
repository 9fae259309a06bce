"""What a number of an evaluation is: computed of rows that count as often as a resample has drawn them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Values = Callable[[pd.DataFrame, Numbers], Numbers]
"""(rows, counts (resamples, rows)) -> the statistic (resamples,), or several at once (resamples, numbers), of rows of
which each counts as often as `counts` says; nan where it has no value. All resamples are computed together, so that
2,000 of 5,000 rows take a second or two."""

FEWEST_OF_A_CLASS = 5  # below, one patient moves a sensitivity by more than 20 points
Kind = Literal["plain", "bounded", "inflated", "skewed"]


@dataclass(frozen=True)
class Statistic:
    """A number that an evaluation reports of a table with a row per image.

    Attributes:
        name: such as "sensitivity".
        values: how it is computed.
        columns: that it reads; rows in which one of them is missing (nan) are left out, and the report says how many.
        among: rows -> bool (rows,), those it is about, such as the images with disease; None where it is about all.
        unit: of the number, such as "mm"; "" where it has none.
        hit: of a share: rows -> bool (rows,), True for a hit; None where it is no share.
        kind: how it varies, by which its interval is made: "bounded" between 0 and 1 as a share is, such as an AUC;
            "inflated" by chance alone, as a calibration error, so that the interval is corrected for that and may lie
            below the number itself; "skewed" in resamples of few groups, as a slope; "plain" otherwise.
        limits: smallest and largest value that it can have, which no interval exceeds.
        both_classes: it needs rows of both classes in `truth` (0 and 1).
        fewest: patients of the rarest class in `truth` from which on it is to be trusted, on whom the interval of what
            is "bounded" stands; 0 where classes are of no account.
        without: when it has no value otherwise, in words that end a sentence with "where ...".
        ranks: it depends only on the order of `score`, not on its values.
    """

    name: str
    values: Values
    columns: tuple[str, ...]
    among: Callable[[pd.DataFrame], NDArray[np.bool_]] | None = None
    unit: str = ""
    hit: Callable[[pd.DataFrame], NDArray[np.bool_]] | None = None
    kind: Kind = "plain"
    limits: tuple[float, float] = (-math.inf, math.inf)
    both_classes: bool = False
    fewest: int = 0
    without: str = "its values are all missing"
    ranks: bool = False

    def rows_of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that it is about, of which all that it reads is known."""
        about = rows if self.among is None else rows[self.among(rows)]
        return about[about[list(self.columns)].notna().all(axis=1)]


def equal_to(values: pd.Series, wanted: Hashable) -> NDArray[np.bool_]:
    """Which values are `wanted`: bool (rows,), False where the value is missing."""
    return (values == wanted).to_numpy(dtype=bool, na_value=False)


def ratio(above: Numbers, below: Numbers) -> Numbers:
    """`above` / `below`, nan where `below` is 0."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)


def share_of(
    name: str,
    hit: Callable[[pd.DataFrame], NDArray[np.bool_]],
    columns: tuple[str, ...],
    among: Callable[[pd.DataFrame], NDArray[np.bool_]] | None = None,
) -> Statistic:
    """Share of rows that are a hit, 0 to 1.

    Args:
        name: of the statistic.
        hit: rows -> bool (rows,), True for a hit.
        columns: that `hit` reads.
        among: rows -> bool (rows,), of which rows; all where None.
    """

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        return ratio(counts @ hit(rows).astype(float), counts.sum(axis=1))

    return Statistic(name, values, columns, among, hit=hit)
