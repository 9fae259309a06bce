"""The worst cases come first, those without a score before all."""

import math

import pandas as pd

from echocare_core.evaluation.failures import worst_cases

ROWS = pd.DataFrame({"image": [*"abcde"], "dice": [0.9, 0.2, math.nan, 0.5, 0.2]})


def test_the_lowest_scores_are_the_worst_and_equal_ones_stay_in_order():
    assert list(worst_cases(ROWS, "dice", 4).image) == ["c", "b", "e", "d"]


def test_of_errors_the_highest_are():
    assert list(worst_cases(ROWS, "dice", 2, lowest=False).image) == ["c", "a"]
