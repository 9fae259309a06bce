"""Two models on the same cases: exact tests of few patients, McNemar's and DeLong's of many, and what is missing."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm
from scored_patients import scored_patients

from echocare_core.errors import TableError
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.comparison import compare, holm
from echocare_core.evaluation.two_classes import ACCURACY, AUC, PPV, SENSITIVITY


def table(values, groups=None):
    names = [f"{number}.png" for number in range(len(values))]
    return pd.DataFrame({"image": names, "group": names if groups is None else groups, "dice": values})


def two_models(images=200, patients=None, better=0.0, seed=0):
    """Scores of two models of the same images, the second's with as much noise again."""
    rows = scored_patients(images, patients or images, seed=seed)
    rows = rows.assign(image=[f"{number}.png" for number in range(images)])
    if patients is None:
        rows["group"] = rows["image"]
    noise = np.random.default_rng(seed + 1).normal(0, 0.2, images)
    other = rows.assign(score=rows.score + noise + better * rows.truth)
    return rows, other.assign(answer=(other.score >= 0.5).astype(int))


def test_the_test_of_a_mean_tries_all_exchanges_of_few_patients():
    first, second = np.array([0.9, 0.8, 0.95, 0.7, 0.6]), np.array([0.8, 0.82, 0.7, 0.5, 0.55])
    signs = itertools.product([1, -1], repeat=5)
    as_large = [abs((first - second) @ sign) >= (first - second).sum() - 1e-12 for sign in signs]
    found = compare(table(first), table(second), mean_of("dice"))
    assert found.p == np.mean(as_large)
    assert "all 32 exchanges" in found.test
    assert found.difference.estimate == pytest.approx((first - second).mean())


@pytest.mark.parametrize("statistic", [ACCURACY, SENSITIVITY])
def test_of_single_images_the_test_of_answers_is_mcnemars(statistic):
    first, second = two_models(better=0.15)
    asked = first.truth == 1 if statistic is SENSITIVITY else first.truth >= 0
    right, also = ((one.answer == one.truth)[asked] for one in (first, second))
    gained, lost = int((also & ~right).sum()), int((right & ~also).sum())
    wanted = binomtest(gained, gained + lost).pvalue
    assert compare(first, second, statistic).p == pytest.approx(wanted, abs=0.03)


def delong(first, second):
    """Standard error of the difference of two areas (DeLong, DeLong & Clarke-Pearson 1988), in plain lines."""
    placed = []
    for rows in (first, second):
        positive, negative = rows.score[rows.truth == 1].to_numpy(), rows.score[rows.truth == 0].to_numpy()
        wins = (positive[:, None] > negative) + (positive[:, None] == negative) / 2
        placed.append((wins.mean(axis=1), wins.mean(axis=0)))
    return math.sqrt(sum(np.var(a - b, ddof=1) / len(a) for a, b in zip(*placed, strict=True)))


def test_of_single_images_interval_and_test_of_areas_are_near_delongs():
    first, second = two_models(400)
    found, error = compare(first, second, AUC), delong(first, second)
    assert (found.difference.high - found.difference.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert found.p == pytest.approx(2 * norm.sf(abs(found.difference.estimate) / error), abs=0.03)


def test_images_of_a_patient_are_drawn_and_exchanged_together():
    first, second = two_models(60, better=0.2)
    many = [pd.concat([one.assign(image=one.image + str(copy)) for copy in range(8)]) for one in (first, second)]
    once, eightfold = compare(first, second, ACCURACY), compare(*many, ACCURACY)
    assert eightfold.p == pytest.approx(once.p)
    assert eightfold.difference.low == pytest.approx(once.difference.low)


def test_models_that_are_alike_seldom_differ_by_chance():
    """Of 100 pairs of tables about five have p below 0.05, though images of a patient are alike."""
    groups, small = np.repeat(range(11), 2), 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        common = np.repeat(generator.normal(size=11), 2) + generator.normal(size=22)
        small += compare(table(common, groups), table(np.zeros(22), groups), mean_of("dice")).p < 0.05
    assert 1 <= small <= 11


def test_turning_the_models_round_turns_the_difference():
    first, second = two_models(100, 30)
    there, back = compare(first, second, AUC), compare(second, first, AUC)
    assert there.difference.estimate == -back.difference.estimate
    assert there.difference.low == pytest.approx(-back.difference.high)
    assert there.p == pytest.approx(back.p)


def test_predictive_values_are_compared_though_each_model_calls_other_images_positive():
    first, second = two_models()
    found = compare(first, second, PPV)
    assert found.first.images == first.answer.sum()
    assert found.second.images == second.answer.sum()
    assert found.difference.low < found.difference.estimate < found.difference.high


def test_cases_that_one_model_lacks_are_named_and_count_in_no_number():
    first, second = two_models(40)
    found = compare(first.iloc[1:], second.iloc[:-1], AUC)
    assert (found.only_first, found.only_second) == (("39.png",), ("0.png",))
    assert found.difference.images == found.first.images == 38


def test_cases_without_a_score_of_one_model_are_said():
    first, second = two_models(40)
    second.loc[:2, "score"] = np.nan
    found = compare(first, second, AUC)
    assert found.first.images == 37
    assert "3 of the cases that both have lack truth or score" in found.difference.warning


def test_the_order_of_the_rows_is_of_no_account():
    first, second = two_models(40)
    assert compare(first, second.sample(frac=1, random_state=0), AUC) == compare(first, second, AUC)


def test_answers_that_are_all_alike_may_still_differ_in_other_patients():
    first, _ = two_models(30)
    found = compare(first, first, ACCURACY)
    assert (found.difference.estimate, found.p) == (0, 1)
    assert found.difference.low == -found.difference.high
    assert 0.05 < found.difference.high < 0.15


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.assign(truth=1 - rows.truth), "differ in truth of 0.png"),
        (lambda rows: rows.assign(group="a"), "differ in group of 0.png"),
        (lambda rows: pd.concat([rows, rows.head(1)]), "Twice in a table to compare: 0.png"),
    ],
)
def test_tables_that_do_not_belong_together_are_an_error(change, words):
    first, second = two_models(30)
    with pytest.raises(TableError, match=words):
        compare(first, change(second), AUC)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_what_cannot_be_compared_gives_words(rows):
    first, second = (one.head(rows).assign(truth=1) for one in two_models(40))
    found = compare(first, second, AUC)
    assert math.isnan(found.difference.estimate)
    assert math.isnan(found.p)
    assert found.difference.warning
    assert found.test


def test_holms_correction_is_that_of_statsmodels():
    """statsmodels' `multipletests([0.01, 0.04, 0.03, 0.005], method="holm")` gives 0.03, 0.06, 0.06, 0.02."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005, "e": math.nan})
    assert [found[name] for name in "abcd"] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert math.isnan(found["e"])
