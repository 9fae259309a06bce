"""Failures: the cases that came out worst, to be looked at."""

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
