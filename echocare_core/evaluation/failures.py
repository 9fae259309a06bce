"""Cases to be looked at: those that came out worst, those in the middle, and the best."""

from __future__ import annotations

import pandas as pd


def worst_cases(rows: pd.DataFrame, column: str, count: int, *, lowest: bool = True) -> pd.DataFrame:
    """The worst rows by a score, the worst first; rows that are as bad stay in their order.

    Args:
        rows: one per image.
        column: the score; one that is missing (nan), as of a mask that was not found, is worse than any other.
        count: how many rows at most.
        lowest: whether low scores are bad, as of Dice; else high ones, as of errors.
    """
    return rows.sort_values(column, ascending=lowest, kind="stable", na_position="first").head(count)


def middle_cases(rows: pd.DataFrame, column: str, count: int) -> pd.DataFrame:
    """The rows around the median of a score, from low to high; those without a score are left out."""
    ranked = rows.dropna(subset=[column]).sort_values(column, kind="stable")
    start = max(0, (len(ranked) - count) // 2)
    return ranked.iloc[start : start + count]


def best_cases(rows: pd.DataFrame, column: str, count: int, *, lowest: bool = True) -> pd.DataFrame:
    """The best rows by a score, the best first; see `worst_cases`."""
    return rows.dropna(subset=[column]).sort_values(column, ascending=not lowest, kind="stable").head(count)
