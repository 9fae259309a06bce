"""Answers among several classes: equal scikit-learn's, weighted kappa too, and a confusion matrix with intervals."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from echocare_core.errors import TableError
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.many_classes import confusion, kappa, mean_auc, mean_sensitivity, one_against_rest
from echocare_core.evaluation.two_classes import AUC, BALANCED_ACCURACY

CLASSES = ("normal", "benign", "malignant")


def answered(images=200, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(3, size=images)
    logits = 1.5 * np.eye(3)[truth] + generator.normal(size=(images, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = {f"{name}_probability": probabilities[:, place] for place, name in enumerate(CLASSES)}
    names = np.array(CLASSES)
    return pd.DataFrame(
        {"group": generator.integers(60, size=images), "truth": names[truth], "answer": names[probabilities.argmax(1)]}
    ).assign(**columns)


@pytest.mark.parametrize(("ours", "theirs"), [("unweighted", None), ("linear", "linear"), ("quadratic", "quadratic")])
def test_kappa_equals_scikit_learn(ours, theirs):
    rows = answered()
    wanted = metrics.cohen_kappa_score(rows.truth, rows.answer, labels=list(CLASSES), weights=theirs)
    number = estimate(rows, kappa(CLASSES, ours))
    assert number.estimate == pytest.approx(wanted)
    assert number.low < wanted < number.high


def test_the_kappa_of_cohens_example():
    """Fleiss, Levin & Paik (2003), table 18.1: 100 subjects, three diagnoses, kappa 0.68 rounded."""
    table = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    pairs = [(true, answer) for (true, answer), images in np.ndenumerate(table) for _ in range(images)]
    rows = pd.DataFrame(pairs, columns=["truth", "answer"]).assign(group=range(100))
    assert estimate(rows, kappa((0, 1, 2))).estimate == pytest.approx(0.68, abs=0.005)


def test_kappa_of_one_class_has_no_value():
    rows = answered().assign(truth="benign", answer="benign")
    assert "all of one class" in estimate(rows, kappa(CLASSES)).warning


def test_balanced_accuracy_and_mean_auc_equal_scikit_learn():
    rows = answered()
    assert estimate(rows, mean_sensitivity(CLASSES)).estimate == pytest.approx(
        metrics.balanced_accuracy_score(rows.truth, rows.answer)
    )
    truths = np.stack([rows.truth == name for name in CLASSES], axis=1)
    scores = rows[[f"{name}_probability" for name in CLASSES]]
    assert estimate(rows, mean_auc(CLASSES)).estimate == pytest.approx(metrics.roc_auc_score(truths, scores))


def of_two(malignant, benign):
    """Answers of patients with one image each, all right: of yes and no, and of the names of two classes."""
    truth = np.repeat([0, 1], [benign, malignant])
    score = np.linspace(0.01, 0.99, len(truth))
    rows = pd.DataFrame({"group": range(len(truth)), "truth": truth, "answer": truth, "score": score})
    names = np.array(["benign", "malignant"])[truth]
    return rows, rows.assign(
        truth=names, answer=names, benign_probability=1 - rows.score, malignant_probability=rows.score
    )


@pytest.mark.parametrize("malignant", [4, 9])
@pytest.mark.parametrize(
    ("two", "many"),
    [(AUC, mean_auc(("benign", "malignant"))), (BALANCED_ACCURACY, mean_sensitivity(("benign", "malignant")))],
)
def test_of_two_classes_a_mean_over_classes_has_the_interval_and_the_warning_of_yes_and_no(two, many, malignant):
    rows, named = of_two(malignant, 30)
    asked, among = estimate(rows, two), estimate(named, many)
    assert (among.estimate, among.low, among.high) == pytest.approx((asked.estimate, asked.low, asked.high))
    assert among.warning == asked.warning


@pytest.mark.parametrize("statistic", [mean_auc(CLASSES), mean_sensitivity(CLASSES)])
def test_a_mean_over_classes_stands_on_the_patients_of_the_rarest_one_that_is_there(statistic):
    _, named = of_two(4, 30)
    named["normal_probability"] = 0.0
    number = estimate(named, statistic)
    assert number.warning == "Only 4 patients of one class; needed 5 to be trusted."
    assert number.low == pytest.approx(4 / (4 + 3.1824**2), abs=1e-4)


def test_a_class_against_the_rest_is_a_question_of_yes_and_no():
    rows = answered()
    rows.loc[0, "truth"] = None
    asked = one_against_rest(rows, "benign")
    assert np.isnan(asked.truth[0])
    assert asked.truth.sum() == (rows.truth == "benign").sum()
    assert np.array_equal(asked.score, rows.benign_probability)


def test_the_confusion_matrix_equals_scikit_learn_and_each_row_is_of_its_class():
    rows = answered()
    found = confusion(rows, CLASSES)
    assert np.array_equal(found.images, metrics.confusion_matrix(rows.truth, rows.answer, labels=list(CLASSES)))
    shares = np.array([[cell.estimate for cell in line] for line in found.shares])
    assert shares.sum(axis=1) == pytest.approx(np.ones(3))
    assert all(cell.low <= cell.estimate <= cell.high for line in found.shares for cell in line)


def test_a_class_that_is_none_of_the_bundles_is_an_error():
    with pytest.raises(TableError, match="Class malignant in the table; needed normal and benign"):
        confusion(answered(), CLASSES[:2])


def test_a_class_without_images_has_shares_that_say_so():
    found = confusion(answered(), (*CLASSES, "cyst"))
    assert found.images[3].sum() == 0
    assert "no image" in found.shares[3][0].warning
