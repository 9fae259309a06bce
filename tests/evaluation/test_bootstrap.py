"""Intervals by patient: as wide as they should be, and no narrower for more images of the same patients."""

import math

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.bootstrap import summarise_means, summarise_statistic


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


def test_a_single_patient_has_an_interval_of_no_width():
    number = summarise_means(table([0.2, 0.4], ["P", "P"]))["dice_head"]
    assert (number["low"], number["high"]) == pytest.approx((0.3, 0.3))


def test_unknown_numbers_are_left_out_and_show_in_the_count():
    number = summarise_means(table([0.5, math.nan, 0.7]))["dice_head"]
    assert (number["mean"], number["images"], number["groups"]) == (pytest.approx(0.6), 2, 2)


def test_a_number_known_of_no_image_is_nan_of_none():
    number = summarise_means(table([math.nan, math.nan]))["dice_head"]
    assert math.isnan(number["mean"])
    assert (number["images"], number["groups"]) == (0, 0)


def test_the_same_table_gives_the_same_interval():
    scores = table(np.random.default_rng(0).random(30))
    assert summarise_means(scores) == summarise_means(scores)


def gap(rows):
    """How much higher positive images score than negative ones; no mean of one column."""
    truth, score = rows["truth"].to_numpy(), rows["score"].to_numpy()
    return score[truth == 1].mean() - score[truth == 0].mean() if 0 < truth.sum() < len(truth) else math.nan


def scored(images, groups, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(2, size=images)
    score = truth + generator.normal(0, 1, images)
    return pd.DataFrame({"group": [str(number % groups) for number in range(images)], "truth": truth, "score": score})


def test_a_statistic_of_all_rows_lies_in_its_interval():
    rows = scored(80, 80)
    number = summarise_statistic(rows, gap)
    assert number["mean"] == pytest.approx(rows.groupby("truth").score.mean().diff()[1])
    assert number["low"] < number["mean"] < number["high"]
    assert (number["images"], number["groups"]) == (80, 80)


def test_the_interval_of_a_mean_is_the_same_both_ways():
    rows = table(np.random.default_rng(0).random(30))
    general = summarise_statistic(rows, lambda drawn: drawn["dice_head"].mean())
    assert general == pytest.approx(summarise_means(rows)["dice_head"])


def test_images_of_one_patient_are_drawn_together():
    rows = scored(80, 80)
    tenfold = pd.concat([rows] * 10)
    assert width(summarise_statistic(tenfold, gap)) == pytest.approx(width(summarise_statistic(rows, gap)))


def test_a_statistic_without_a_value_has_no_interval():
    rows = scored(10, 10).assign(truth=1)
    number = summarise_statistic(rows, gap)
    assert all(math.isnan(number[name]) for name in ("mean", "low", "high"))
