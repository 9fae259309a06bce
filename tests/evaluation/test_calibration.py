"""Calibration: equal scikit-learn's regression and curve, sums that add up, and what a shift of the scores shows.

statsmodels' `Logit`, in an environment of its own, gave the same slope and intercept as scikit-learn's regression.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from scored_patients import scored_patients
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from echocare_core.evaluation.calibration import STATISTICS, reliability_curve, summarise_calibration
from echocare_core.evaluation.estimate import estimate


def calibrated(images=4000, seed=0):
    """Scores that are the chance of the truth."""
    generator = np.random.default_rng(seed)
    score = expit(generator.normal(size=images))
    return pd.DataFrame({"group": np.arange(images), "truth": generator.random(images) < score, "score": score})


def test_slope_and_intercept_are_those_of_a_logistic_regression():
    rows = scored_patients().assign(score=lambda table: table.score.clip(0.01, 0.99))
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(rows[["score"]].to_numpy()), rows.truth)
    found = summarise_calibration(rows)
    assert found["slope"].estimate == pytest.approx(model.coef_[0, 0], rel=1e-4)
    assert found["intercept"].estimate == pytest.approx(model.intercept_[0], abs=1e-4)


def test_in_the_large_is_the_shift_that_makes_as_many_expected_as_observed():
    rows = scored_patients().assign(score=lambda table: table.score.clip(0.01, 0.99))
    wanted = brentq(lambda shift: (expit(logit(rows.score) + shift) - rows.truth).sum(), -5, 5)
    assert summarise_calibration(rows)["in_the_large"].estimate == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["slope", "intercept", "in_the_large"])
def test_resamples_are_regressions_on_the_repeated_rows(name):
    rows = scored_patients(60).assign(score=lambda table: table.score.clip(0.01, 0.99))
    counts = np.random.default_rng(0).integers(4, size=(3, 60)).astype(float)
    repeated = [rows.loc[rows.index.repeat(count.astype(int))] for count in counts]
    plain = [STATISTICS[name].values(one, np.ones((1, len(one))))[0] for one in repeated]
    assert STATISTICS[name].values(rows, counts) == pytest.approx(plain)


def test_the_brier_score_is_reliability_less_resolution_plus_uncertainty():
    found = summarise_calibration(scored_patients())
    parts = found["reliability"].estimate - found["resolution"].estimate + found["uncertainty"].estimate
    assert found["brier"].estimate == pytest.approx(parts)


def test_the_curve_is_that_of_scikit_learn():
    rows = calibrated(500)
    observed, predicted = calibration_curve(rows.truth, rows.score, n_bins=10, strategy="quantile")
    found = reliability_curve(rows)
    assert [one.predicted for one in found] == pytest.approx(predicted)
    assert [one.observed.estimate for one in found] == pytest.approx(observed)
    assert all(one.low <= one.predicted <= one.high for one in found)


def test_the_calibration_error_is_the_mean_distance_of_the_curve():
    rows = scored_patients()
    curve = reliability_curve(rows)
    wanted = sum(abs(one.predicted - one.observed.estimate) * one.observed.images for one in curve) / len(rows)
    assert summarise_calibration(rows)["expected_calibration_error"].estimate == pytest.approx(wanted)


def test_calibrated_scores_have_slope_one_intercept_zero_and_an_error_that_may_be_none():
    found = summarise_calibration(calibrated())
    for name, ideal in {"slope": 1, "intercept": 0, "in_the_large": 0, "observed_to_expected": 1}.items():
        assert found[name].low < ideal < found[name].high
    assert found["expected_calibration_error"].low == 0 < found["expected_calibration_error"].estimate


def test_scores_that_are_too_extreme_have_a_slope_below_one_and_too_high_ones_a_negative_intercept():
    rows = calibrated()
    extreme = summarise_calibration(rows.assign(score=expit(2 * logit(rows.score))))
    high = summarise_calibration(rows.assign(score=expit(logit(rows.score) + 1)))
    assert extreme["slope"].high < 1
    assert high["in_the_large"].estimate == pytest.approx(-1, abs=0.1)
    assert high["observed_to_expected"].high < 1


def test_many_images_with_one_probability_share_a_bin():
    rows = calibrated(100).assign(score=[0.2] * 90 + [0.7] * 10)
    assert [one.observed.images for one in reliability_curve(rows)] == [90, 10]


@pytest.mark.parametrize("score", [0.5, None])
def test_what_has_no_slope_says_why(score):
    rows = calibrated(100)
    rows = rows.assign(score=rows.truth * 0.8 + 0.1 if score is None else score)
    number = estimate(rows, STATISTICS["slope"])
    assert np.isnan(number.estimate)
    assert "separates the classes perfectly, or all scores are the same" in number.warning


def test_few_patients_of_a_class_are_said():
    number = estimate(calibrated(100), STATISTICS["expected_calibration_error"])
    assert "of one class; needed 100" in number.warning


def test_no_image_is_no_error():
    empty = scored_patients().head(0)
    assert reliability_curve(empty) == ()
    assert all("no image" in number.warning for number in summarise_calibration(empty).values())
