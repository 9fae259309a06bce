"""Landmarks: distances in mm, and those that were not found."""

import math

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.averages import mean_of, share_within
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.points import pair_ends, radial_errors_mm


def test_errors_are_distances_in_mm():
    found, true = np.array([[10.0, 10], [3, 4], [math.nan, math.nan]]), np.array([[10.0, 10], [0, 0], [1, 1]])
    errors = radial_errors_mm(found, true, (1.0, 0.5))
    assert errors[:2] == pytest.approx([0, math.hypot(3, 2)])
    assert math.isnan(errors[2])


def test_a_landmark_that_was_not_found_is_no_success():
    rows = pd.DataFrame({"group": range(4), "error_mm": [0.5, 1.9, 2.1, math.nan]})
    assert estimate(rows, mean_of("error_mm", "mm")).estimate == pytest.approx(1.5)
    assert estimate(rows, share_within("error_mm", 2.0)).estimate == 0.5


def test_true_ends_are_ordered_by_which_found_one_is_near():
    found = np.array([[[0.0, 0], [10, 10]], [[0, 10], [10, 0]]])
    true = found[:, ::-1].copy()
    true[1] = found[1]
    np.testing.assert_array_equal(pair_ends(true + 1, found), found + 1)


def test_the_end_that_is_known_alone_decides_the_order():
    found = np.array([[[0.0, 0], [10, 10]]])
    true = np.array([[[9.0, 9], [math.nan, math.nan]]])
    assert pair_ends(true, found)[0, 1].tolist() == [9, 9]


@pytest.mark.parametrize("known", [0, 1])
def test_the_end_that_is_known_alone_goes_to_the_one_that_was_found_alone(known):
    true, found = np.full((1, 2, 2), math.nan), np.full((1, 2, 2), math.nan)
    true[0, 0], found[0, known] = (9, 9), (8, 8)
    assert pair_ends(true, found)[0, known].tolist() == [9, 9]
