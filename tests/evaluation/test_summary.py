"""Means of a table: intervals as wide as they should be, none of one patient, and words where one is missing."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.estimate import as_summary, estimate
from echocare_core.evaluation.summary import spelled, summarise_means, with_null


def table(scores, groups=None):
    groups = groups or [str(number) for number in range(len(scores))]
    return pd.DataFrame({"image": "a.png", "group": groups, "dice_head": scores})


def width(number):
    return number["high"] - number["low"]


def test_the_mean_is_that_of_the_images_and_lies_in_its_interval():
    scores = np.random.default_rng(0).random(60)
    number = summarise_means(table(scores))["dice_head"]
    assert number["mean"] == pytest.approx(scores.mean())
    assert number["low"] < number["mean"] < number["high"]
    assert (number["images"], number["groups"]) == (60, 60)


def test_an_interval_of_single_images_is_close_to_that_of_the_normal_distribution():
    scores = np.random.default_rng(0).normal(0.8, 0.1, 400)
    assert width(summarise_means(table(scores))["dice_head"]) == pytest.approx(2 * 1.96 * 0.1 / 20, rel=0.15)


def test_more_images_of_the_same_patients_do_not_narrow_the_interval():
    scores = np.random.default_rng(0).random(40)
    groups = [str(number) for number in range(40)]
    once = summarise_means(table(scores, groups))["dice_head"]
    tenfold = summarise_means(table(np.tile(scores, 10), groups * 10))["dice_head"]
    assert width(tenfold) == pytest.approx(width(once), rel=1e-6)
    assert (tenfold["images"], tenfold["groups"]) == (400, 40)


def test_a_mean_has_the_interval_of_every_other_one():
    rows = table(np.random.default_rng(0).random(12))
    assert summarise_means(rows)["dice_head"] == as_summary(estimate(rows, mean_of("dice_head")))


@pytest.mark.parametrize(("right", "low", "high"), [(1.0, 20 / (20 + 2.0930**2), 1), (0.0, 0, 0.17968)])
def test_a_column_of_nothing_but_0_and_1_has_the_interval_of_a_share(right, low, high):
    number = summarise_means(table([right] * 20))["dice_head"]
    assert (number["mean"], number["low"], number["high"]) == pytest.approx((right, low, high), abs=1e-4)


@pytest.mark.parametrize("scores", [[0.2, 0.4], [1.0, 1.0]])
def test_a_single_patient_has_a_mean_without_an_interval_and_a_sentence_why(scores):
    number = summarise_means(table(scores, ["P", "P"]))["dice_head"]
    assert number["mean"] == pytest.approx(sum(scores) / 2)
    assert np.isnan([number["low"], number["high"]]).all()
    assert number["warning"] == "One patient alone tells nothing of others; there is no interval."


def test_unknown_numbers_are_left_out_and_show_in_the_count():
    number = summarise_means(table([0.5, math.nan, 0.7]))["dice_head"]
    assert (number["mean"], number["images"], number["groups"]) == (pytest.approx(0.6), 2, 2)
    assert number["warning"].endswith("1 image without dice_head left out.")


def test_a_number_known_of_no_image_is_nan_of_none():
    number = summarise_means(table([math.nan, math.nan]))["dice_head"]
    assert math.isnan(number["mean"])
    assert (number["images"], number["groups"]) == (0, 0)


def test_the_same_table_gives_the_same_interval():
    scores = table(np.random.default_rng(0).random(30))
    assert summarise_means(scores) == summarise_means(scores)


@pytest.mark.parametrize(
    ("scores", "groups", "words"),
    [
        ([0.25] * 12, None, "0.250 (0.250 to 0.250)"),
        ([0.25, 0.5], ["P", "P"], "0.375 (no interval)"),
        ([math.nan], None, "unknown"),
    ],
)
def test_a_number_is_spelled_the_same_from_memory_and_from_a_file(scores, groups, words):
    numbers = summarise_means(table(scores, groups))
    in_file = json.loads(json.dumps(with_null(numbers), allow_nan=False))
    assert spelled(numbers["dice_head"]) == spelled(in_file["dice_head"]) == words


def test_a_difference_is_spelled_with_its_sign():
    number = summarise_means(table([0.25] * 12))["dice_head"]
    assert spelled(number, "+.2f") == "+0.25 (+0.25 to +0.25)"
