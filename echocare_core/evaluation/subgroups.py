"""Subgroups: the same number for each device, centre, sex or age band, and how far each lies from the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from echocare_core.evaluation.bootstrap import percentile_interval, resampled
from echocare_core.evaluation.estimate import Estimate, count_groups, estimate, no_estimate, values_among
from echocare_core.evaluation.statistic import Numbers, Statistic

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subgroup:
    """Rows that have one value in a column.

    Attributes:
        name: the value; "unknown" of those that have none.
        estimate: of its rows; its warning says where they are too few.
        difference: the subgroup less all other rows, with its interval.
    """

    name: str
    estimate: Estimate
    difference: Estimate


def by_subgroup(rows: pd.DataFrame, column: str, statistic: Statistic) -> tuple[Subgroup, ...]:
    """A statistic of each subgroup and its difference to the rest.

    The interval of a difference is MOVER's (Zou & Donner 2008) where no patient is on both sides, else that of the
    bootstrap. No interval is corrected for there being several subgroups: among twenty, one difference may lie outside
    by chance.

    Args:
        rows: with `group` and what the statistic reads.
        column: by which; in the order of its categories where it has such (`into_bands`), else of its text.
        statistic: what to compute.
    """
    names = _names(rows[column])
    return tuple(
        _subgroup(str(name), rows, names == name, statistic) for name in names.cat.categories if (names == name).any()
    )


def into_bands(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    """Numbers as bands in their order, such as ages: "under 18", "18 to under 40", "40 or more", "unknown".

    Args:
        values: numbers, or text of such; what is none is unknown.
        edges: ascending, one or more; each begins a band.
    """
    numbers = pd.to_numeric(values, errors="coerce")
    between = [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
    names = [f"under {edges[0]:g}", *between, f"{edges[-1]:g} or more", UNKNOWN]
    places = np.where(numbers.isna(), len(names) - 1, np.searchsorted(list(edges), numbers, side="right"))
    return pd.Series(pd.Categorical.from_codes(places, names, ordered=True), index=values.index, name=values.name)


def _names(values: pd.Series) -> pd.Series:
    """Values as categories of text, the missing ones last."""
    ordered = [str(one) for one in values.cat.categories] if isinstance(values.dtype, pd.CategoricalDtype) else None
    text = values.astype(object).where(values.notna() & (values.astype(str).str.strip() != ""), UNKNOWN).astype(str)
    known = [name for name in ordered or sorted(set(text)) if name != UNKNOWN]
    return pd.Series(pd.Categorical(text, [*known, UNKNOWN]), index=values.index)


def _subgroup(name: str, rows: pd.DataFrame, inside: pd.Series, statistic: Statistic) -> Subgroup:
    its, rest = rows[inside], rows[~inside]
    if rest.empty:
        number = estimate(its, statistic)
        return Subgroup(name, number, no_estimate(its, "There is no other subgroup.", statistic.unit))
    number, others = estimate(its, statistic), estimate(rest, statistic)
    shared = set(its["group"]) & set(rest["group"])
    ends = _of_same_patients(rows, inside, statistic) if shared else _mover(number, others)
    warning = " ".join(filter(None, [number.warning, f"The rest: {others.warning}" if others.warning else ""]))
    apart = number.estimate - others.estimate
    images = number.images + others.images
    return Subgroup(name, number, Estimate(apart, *ends, images, count_groups(rows), statistic.unit, warning))


def _mover(first: Estimate, second: Estimate) -> tuple[float, float]:
    """Interval of a difference of independent numbers from those of each (Zou & Donner 2008, equation 2)."""
    apart = first.estimate - second.estimate
    low = math.hypot(first.estimate - first.low, second.high - second.estimate)
    high = math.hypot(first.high - first.estimate, second.estimate - second.low)
    return apart - low, apart + high


def _of_same_patients(rows: pd.DataFrame, inside: pd.Series, statistic: Statistic) -> tuple[float, float]:
    within = inside.to_numpy()

    def values(all_rows: pd.DataFrame, counts: Numbers) -> Numbers:
        its, rest = (values_among(all_rows[side], statistic, counts[:, side]) for side in (within, ~within))
        return its - rest

    return percentile_interval(resampled(rows, values), count_groups(rows))
