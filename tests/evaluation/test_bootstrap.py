"""Intervals by patient: as wide as they should be, and no narrower for more images of the same patients."""

import math

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.bootstrap import summarise_means


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
