"""Several images of a patient are one decision, of their mean probabilities at the same operating point."""

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from echocare_core.evaluation.per_patient import summarise_patients
from echocare_core.types import OperatingPoint

CLASSES = ["benign", "malignant"]
POINT = OperatingPoint("malignant", 0.4)


def rows_of(*images):
    """A table of (patient, true class, probability of malignant)."""
    table = pd.DataFrame(images, columns=["group", "truth", "malignant_probability"])
    return table.assign(benign_probability=1 - table["malignant_probability"])


IMAGES = [
    *(("a", "malignant", 0.1), ("a", "malignant", 0.88), ("b", "malignant", 0.3)),
    *(("c", "benign", 0.2), ("c", "benign", 0.38), ("d", "benign", 0.45), ("e", "benign", 0.1)),
]


def test_a_patient_is_decided_by_the_mean_of_the_images():
    found = summarise_patients(rows_of(*IMAGES), CLASSES, POINT)
    auc, balanced = found.numbers.values()
    assert list(found.numbers) == ["auc_per_patient", "balanced_accuracy_per_patient"]
    assert auc.estimate == pytest.approx(roc_auc_score([1, 1, 0, 0, 0], [0.49, 0.3, 0.29, 0.45, 0.1]))
    assert balanced.estimate == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert (auc.images, auc.groups, found.left_out) == (7, 5, 0)


def test_without_an_operating_point_the_likeliest_class_is_the_decision():
    found = summarise_patients(rows_of(*IMAGES), CLASSES, None)
    assert found.numbers["balanced_accuracy_per_patient"].estimate == pytest.approx((0 + 1) / 2)


def test_a_patient_with_images_of_several_classes_is_left_out_and_counted():
    found = summarise_patients(rows_of(*IMAGES, ("f", "benign", 0.9), ("f", "malignant", 0.9)), CLASSES, POINT)
    auc = found.numbers["auc_per_patient"]
    assert (auc.images, auc.groups, found.left_out) == (7, 5, 1)
    assert "1 patient with images of several classes left out." in auc.warning


def test_where_every_patient_has_one_image_nothing_is_said_twice():
    assert summarise_patients(rows_of(*IMAGES[1:3], *IMAGES[4:]), CLASSES, POINT).numbers == {}


def test_the_interval_is_over_patients_however_many_images_they_have():
    few = rows_of(*((str(n), CLASSES[n % 2], 0.1 + 0.05 * n) for n in range(14)), ("0", "benign", 0.1))
    many = pd.concat([few] * 10)
    one, other = (summarise_patients(rows, CLASSES, POINT).numbers["auc_per_patient"] for rows in (few, many))
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    assert one.low < one.estimate < one.high
