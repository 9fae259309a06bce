"""A number with its interval: as others compute it, no narrower for more images of a patient, and words where it fails.

References: statsmodels' `proportion_confint(method="wilson")` gave the two numbers of Wilson's interval.
"""

import math

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.averages import mean_of, median_of, share_true, share_within
from echocare_core.evaluation.bootstrap import percentile_interval, resampled
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.two_classes import AUC, SENSITIVITY


def table(values, groups=None):
    return pd.DataFrame({"group": range(len(values)) if groups is None else groups, "value": values})


def width(number):
    return number.high - number.low


def test_a_mean_is_that_of_the_images_and_lies_in_its_interval():
    values = np.random.default_rng(0).random(60)
    number = estimate(table(values), mean_of("value", "mm"))
    assert number.estimate == pytest.approx(values.mean())
    assert number.low < number.estimate < number.high
    assert (number.images, number.groups, number.unit, number.warning) == (60, 60, "mm", "")


def test_its_interval_is_that_of_percentiles_but_a_little_wider():
    rows = table(np.random.default_rng(0).random(30))
    plain = np.percentile(resampled(rows, mean_of("value").values), (2.5, 97.5))
    assert 1 < width(estimate(rows, mean_of("value"))) / np.ptp(plain) < 1.1


def test_resampled_means_are_those_of_rows_drawn_one_by_one():
    rows = table(np.random.default_rng(0).random(12), list("aabbbcddddee"))
    names, generator = sorted(set(rows.group)), np.random.default_rng(0)
    drawn = generator.integers(len(names), size=(50, len(names)))
    plain = [pd.concat([rows[rows.group == names[one]] for one in draw]).value.mean() for draw in drawn]
    assert resampled(rows, mean_of("value").values, 50) == pytest.approx(plain)


def test_the_blocks_in_which_resamples_are_computed_change_nothing(monkeypatch):
    rows = table(np.random.default_rng(0).random(30))
    at_once = resampled(rows, mean_of("value").values, 100)
    monkeypatch.setattr("echocare_core.evaluation.bootstrap.CELLS", 210)
    assert resampled(rows, mean_of("value").values, 100) == pytest.approx(at_once, rel=1e-12)


@pytest.mark.parametrize("images", [30, 31])
def test_the_median_of_resamples_is_that_of_the_repeated_values(images):
    rows, generator = table(np.random.default_rng(0).integers(9, size=images)), np.random.default_rng(1)
    counts = generator.integers(4, size=(20, images)).astype(float)
    plain = [np.median(np.repeat(rows.value, count.astype(int))) for count in counts]
    assert median_of("value").values(rows, counts) == pytest.approx(plain)


@pytest.mark.parametrize("statistic", [mean_of("value"), median_of("value"), share_within("value", 0.4)])
def test_more_images_of_the_same_patients_do_not_narrow_the_interval(statistic):
    values = np.random.default_rng(0).random(40)
    once, tenfold = (
        estimate(table(values), statistic),
        estimate(table(np.tile(values, 10), [*range(40)] * 10), statistic),
    )
    assert width(tenfold) == pytest.approx(width(once), rel=1e-6)


def test_an_order_of_rows_changes_nothing():
    rows = table(np.random.default_rng(0).random(40), [*"abcdefghij"] * 4)
    assert estimate(rows.sample(frac=1, random_state=1), mean_of("value")) == estimate(rows, mean_of("value"))


def test_the_wilson_interval_of_single_images_is_that_of_statsmodels_but_for_students_t():
    number = estimate(table(np.repeat([1.0, 0.0], [900, 100])), share_true("value"))
    assert (number.low, number.high) == pytest.approx((0.87985, 0.91709), abs=2e-4)


def test_an_auc_of_one_has_an_interval_as_wide_as_its_rarer_class_asks():
    rows = table(np.arange(60.0)).assign(truth=[0] * 40 + [1] * 20, score=np.arange(60.0))
    number = estimate(rows, AUC)
    assert (number.estimate, number.high) == (1, pytest.approx(1))
    assert number.low == pytest.approx(20 / (20 + 2.0930**2), abs=1e-4)


def test_a_share_of_all_has_an_interval_as_wide_as_its_number_of_patients_asks():
    rows = table(np.ones(40), [*range(20)] * 2)
    number = estimate(rows, share_true("value"))
    twenty = estimate(table(np.ones(20)), share_true("value"))
    assert (number.estimate, number.high) == (1, pytest.approx(1))
    assert number.low == twenty.low == pytest.approx(20 / (20 + 2.0930**2), abs=1e-4)


def test_missing_values_are_left_out_and_counted():
    number = estimate(table([*np.random.default_rng(0).random(20), math.nan]), mean_of("value"))
    assert (number.images, number.warning) == (20, "1 image without value left out.")


def test_a_missing_value_is_not_within_a_tolerance():
    assert estimate(table([0.1, -0.1, 5, math.nan]), share_within("value", 1)).estimate == 0.5


@pytest.mark.parametrize(
    ("rows", "statistic", "words"),
    [
        (table([]), mean_of("value"), "no image"),
        (table([math.nan] * 3), mean_of("value"), "no image"),
        (table([1.0, 2.0], ["a", "a"]), mean_of("value"), "One patient alone"),
        (table([1.0, 2.0, 4.0]), mean_of("value"), "Only 3 patients"),
        (table([1.0] * 20), mean_of("value"), "same in all resamples"),
        (table([1.0] * 20).assign(truth=1, score=0.5), AUC, "All images are of one class"),
        (table([1.0] * 20).assign(truth=[1] + [0] * 19, score=np.arange(20)), AUC, "Only 1 patient of one class"),
        (table([1.0] * 20).assign(truth=0, answer=0), SENSITIVITY, "no image"),
    ],
)
def test_what_cannot_be_known_or_trusted_says_why(rows, statistic, words):
    assert words in estimate(rows, statistic).warning


def test_few_groups_take_percentiles_further_out():
    drawn = np.random.default_rng(0).normal(size=20000)
    few, many = percentile_interval(drawn, 10), percentile_interval(drawn, 10000)
    assert many == pytest.approx((-1.96, 1.96), abs=0.05)
    assert few[1] == pytest.approx(2.262 * math.sqrt(10 / 9), abs=0.15)
