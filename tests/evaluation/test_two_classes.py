"""Statistics of yes and no: equal scikit-learn's of the same rows, drawn as often as a resample says."""

import numpy as np
import pytest
from scored_patients import scored_patients
from sklearn import metrics

from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.two_classes import AT_THE_OPERATING_POINT, AUC, OF_SCORES, SENSITIVITY

OF_ANSWERS = {
    "sensitivity": metrics.recall_score,
    "specificity": lambda truth, answer: metrics.recall_score(truth, answer, pos_label=0),
    "ppv": metrics.precision_score,
    "npv": lambda truth, answer: metrics.precision_score(truth, answer, pos_label=0),
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": metrics.f1_score,
}
OF_PROBABILITIES = {
    "auc": metrics.roc_auc_score,
    "average_precision": metrics.average_precision_score,
    "brier": metrics.brier_score_loss,
}


def resample(rows, statistic, seed):
    """How often each row counts, the statistic's value, and the rows written out."""
    used = statistic.rows_of(rows)
    counts = np.random.default_rng(seed).integers(4, size=(1, len(rows))).astype(float)
    return statistic.values(used, counts[:, rows.index.get_indexer(used.index)])[0], rows.loc[
        rows.index.repeat(counts[0].astype(int))
    ]


@pytest.mark.parametrize("name", OF_ANSWERS)
def test_statistics_of_answers_equal_scikit_learn(name):
    value, written_out = resample(scored_patients(), AT_THE_OPERATING_POINT[name], 1)
    assert value == pytest.approx(OF_ANSWERS[name](written_out.truth, written_out.answer))


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_statistics_of_scores_with_ties_equal_scikit_learn(name):
    value, written_out = resample(scored_patients(), OF_SCORES[name], 1)
    assert value == pytest.approx(OF_PROBABILITIES[name](written_out.truth, written_out.score))


@pytest.mark.parametrize("name", ["auc", "average_precision"])
def test_what_depends_on_the_order_alone_is_the_same_of_ranks(name):
    rows = scored_patients()
    ranked = rows.assign(score=rows.score.rank())
    assert estimate(rows, OF_SCORES[name]) == estimate(ranked, OF_SCORES[name])


def test_sensitivity_counts_the_images_and_patients_with_disease():
    rows = scored_patients()
    number, diseased = estimate(rows, SENSITIVITY), rows[rows.truth == 1]
    assert (number.images, number.groups) == (len(diseased), diseased.group.nunique())


def test_turning_truth_and_scores_round_leaves_the_auc():
    rows = scored_patients()
    turned = rows.assign(truth=1 - rows.truth, score=1 - rows.score)
    assert estimate(turned, AUC).estimate == pytest.approx(estimate(rows, AUC).estimate)


@pytest.mark.parametrize("kind", ["Int64", "boolean", "object", "float", "bool"])
def test_a_column_of_any_kind_that_holds_zeros_and_ones_gives_the_same(kind):
    rows = scored_patients()
    other = rows.assign(truth=rows.truth.astype(bool if kind in ("boolean", "bool") else int).astype(kind))
    for statistic in (*AT_THE_OPERATING_POINT.values(), *OF_SCORES.values()):
        assert estimate(other, statistic) == estimate(rows, statistic)


@pytest.mark.parametrize("kind", ["Int64", "boolean", "object", "float"])
def test_a_truth_that_is_missing_is_of_neither_class(kind):
    rows = scored_patients()
    other = rows.assign(truth=rows.truth.astype(kind))
    other.loc[:9, "truth"] = None
    for name, statistic in (AT_THE_OPERATING_POINT | OF_SCORES).items():
        number, alone = estimate(other, statistic), estimate(rows[10:], statistic)
        assert (number.estimate, number.low, number.images) == (alone.estimate, alone.low, alone.images), name
