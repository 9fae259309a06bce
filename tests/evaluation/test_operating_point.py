"""The operating point: reported as it was fixed, and never chosen on the patients it is reported on."""

import numpy as np
import pytest
from scored_patients import scored_patients
from sklearn.metrics import recall_score

from echocare_core.errors import TableError
from echocare_core.evaluation.operating_point import answer_at, at_operating_point, choose_threshold


def others(seed=1):
    return scored_patients(seed=seed).assign(group=lambda rows: "other " + rows.group)


def test_a_score_at_the_threshold_is_a_yes_and_a_missing_one_no_answer():
    rows = scored_patients().head(3).assign(score=[0.3, 0.29, np.nan])
    assert list(answer_at(rows, 0.3).answer[:2]) == [1, 0]
    assert np.isnan(answer_at(rows, 0.3).answer[2])


def test_numbers_at_a_threshold_are_those_of_its_answers():
    rows = scored_patients()
    found = at_operating_point(rows, 0.7)
    assert found["sensitivity"].estimate == pytest.approx(recall_score(rows.truth, rows.score >= 0.7))
    assert {"specificity", "ppv", "npv", "accuracy", "balanced_accuracy", "f1", "kappa"} <= found.keys()


@pytest.mark.parametrize("least", [0.5, 0.9, 1.0])
def test_the_least_sensitivity_is_reached_and_the_next_threshold_would_miss_it(least):
    rows = others()
    chosen = choose_threshold(rows, scored_patients(), sensitivity=least)
    higher = rows.score[rows.score > chosen].min()
    assert recall_score(rows.truth, rows.score >= chosen) >= least
    assert recall_score(rows.truth, rows.score >= higher) < least


def test_without_one_the_sum_of_sensitivity_and_specificity_is_largest():
    rows = others()

    def youden(threshold):
        answers = rows.score >= threshold
        return recall_score(rows.truth, answers) + recall_score(rows.truth, answers, pos_label=0)

    assert youden(choose_threshold(rows, scored_patients())) == pytest.approx(max(map(youden, rows.score.unique())))


def test_a_patient_in_both_tables_is_an_error():
    with pytest.raises(TableError, match="needed different patients"):
        choose_threshold(scored_patients(seed=1), scored_patients())


def test_one_class_is_an_error():
    with pytest.raises(TableError, match="one class; needed both"):
        choose_threshold(others().assign(truth=1), scored_patients())
