"""The worst cases come first, those without a score before all; the middle and the best are chosen too."""

import math

import pandas as pd

from echocare_core.evaluation.failures import best_cases, middle_cases, worst_cases

ROWS = pd.DataFrame({"image": [*"abcde"], "dice": [0.9, 0.2, math.nan, 0.5, 0.2]})


def test_the_lowest_scores_are_the_worst_and_equal_ones_stay_in_order():
    assert list(worst_cases(ROWS, "dice", 4).image) == ["c", "b", "e", "d"]


def test_of_errors_the_highest_are():
    assert list(worst_cases(ROWS, "dice", 2, lowest=False).image) == ["c", "a"]


def test_the_best_are_those_with_a_score_at_the_other_end():
    assert list(best_cases(ROWS, "dice", 2).image) == ["a", "d"]
    assert list(best_cases(ROWS, "dice", 2, lowest=False).image) == ["b", "e"]


def test_those_of_the_middle_lie_around_the_median():
    rows = pd.DataFrame({"image": [*"abcdefg"], "dice": [0.1, 0.7, 0.3, 0.4, 0.5, 0.6, math.nan]})
    assert list(middle_cases(rows, "dice", 2).image) == ["d", "e"]
    assert list(middle_cases(ROWS.head(2), "dice", 4).image) == ["b", "a"]
