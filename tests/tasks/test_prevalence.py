"""Probabilities moved to a place where the classes are more, or less, common than in the training."""

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from scipy.stats import norm

from echocare_core.bundle import find_bundle
from echocare_core.errors import SettingsError
from echocare_core.tasks.classification import ClassificationOutputd, summarise_classes
from echocare_core.tasks.prevalence import PrevalenceShift, prevalence_of
from echocare_core.types import OperatingPoint

TWO, THREE = ["benign", "malignant"], ["normal", "benign", "malignant"]
POINT = {"label": "malignant", "threshold": 0.3}
CLASSIFIERS = (
    "breast_birads_classification",
    "breast_lesion_classification",
    "liver_lesion_classification",
    "ovarian_tumor_classification",
    "thyroid_nodule_classification",
)


def chances_of(sign, shares):
    """What is known of three classes from a sign, whose values are normal around 0, 1 and 3, where they have shares."""
    weights = np.array([shares[name] * norm.pdf(sign, centre) for name, centre in zip(THREE, (0, 1, 3), strict=True)])
    return dict(zip(THREE, weights / weights.sum(), strict=True))


@pytest.mark.parametrize("sign", [-1.0, 0.7, 2.0, 4.0])
def test_what_a_sign_says_in_one_clinic_becomes_what_it_says_in_another(sign):
    here, there = {"normal": 1, "benign": 3, "malignant": 6}, {"normal": 0.9, "benign": 0.09, "malignant": 0.01}
    moved = PrevalenceShift(THREE, here, there).probabilities(chances_of(sign, here))
    assert moved == pytest.approx(chances_of(sign, there))


def test_prevalences_may_have_any_sum():
    chances = {"benign": 0.5, "malignant": 0.5}
    one, other = ({"benign": 99 * k, "malignant": k} for k in (0.01, 7))
    even = {"benign": 1, "malignant": 1}
    expected = pytest.approx({"benign": 0.99, "malignant": 0.01})
    assert PrevalenceShift(TWO, even, one).probabilities(chances) == expected
    assert PrevalenceShift(TWO, even, other).probabilities(chances) == expected


def test_without_a_prevalence_probabilities_stay_to_the_last_bit():
    chances = {"benign": 0.1 + 0.2, "malignant": 0.7000001}
    assert PrevalenceShift(TWO, {"benign": 0.9, "malignant": 0.1}).probabilities(chances) == chances


def shifted(used):
    shift = PrevalenceShift(TWO, {"benign": 0.7, "malignant": 0.3}, used)
    return ClassificationOutputd("pred", "pathology", TWO, POINT, prevalence=shift)


def test_an_operating_point_answers_of_every_image_as_before_and_its_probabilities_move():
    logits = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    before, after = (
        [output({"pred": one})["outputs"][0] for one in logits]
        for output in (shifted(None), shifted({"benign": 0.99, "malignant": 0.01}))
    )
    assert [one.answer for one in after] == [one.answer for one in before]
    assert {one.answer for one in after} == set(TWO)
    assert all(a.probabilities["malignant"] < b.probabilities["malignant"] for a, b in zip(after, before, strict=True))


def test_a_rarer_disease_lowers_the_threshold_of_its_operating_point():
    shift = PrevalenceShift(TWO, {"benign": 0.5, "malignant": 0.5}, {"benign": 0.9, "malignant": 0.1})
    assert shift.operating_point({"label": "malignant", "threshold": 0.5}) == OperatingPoint(
        "malignant", pytest.approx(0.1)
    )


def test_patients_are_decided_at_the_moved_operating_point():
    truths, chances = np.repeat([0, 0, 1, 1], 2), np.repeat([0.02, 0.03, 0.2, 0.4], 2)
    rows = pd.DataFrame({"group": list("aabbccdd"), "truth": truths, "answer": truths})
    rows = rows.assign(benign_probability=1 - chances, malignant_probability=chances)
    shift = PrevalenceShift(TWO, {"benign": 0.5, "malignant": 0.5}, {"benign": 0.9, "malignant": 0.1})
    found = summarise_classes(rows, classes=TWO, operating_point={**POINT, "threshold": 0.5}, prevalence=shift)
    assert found["balanced_accuracy_per_patient"]["mean"] == 1  # at 0.1; at 0.5 both malignant patients are missed


def test_an_operating_point_among_three_classes_is_refused():
    shift = PrevalenceShift(THREE, dict.fromkeys(THREE, 1), {"normal": 8, "benign": 1, "malignant": 1})
    with pytest.raises(SettingsError, match=r"one of 3 classes.* Set operating_point to null"):
        shift.operating_point(POINT)


@pytest.mark.parametrize(
    "used",
    [
        pytest.param({"benign": 1}, id="one missing"),
        pytest.param({"benign": 1, "malignant": 0}, id="none"),
        pytest.param({"benign": 1, "malignant": float("nan")}, id="no number"),
        pytest.param({"benign": 1, "malignant": "often"}, id="a word"),
        pytest.param({"benign": 1, "malignant": 1, "normal": 1}, id="one too many"),
        pytest.param({}, id="nothing"),
        pytest.param("even", id="no mapping"),
    ],
)
def test_a_prevalence_that_is_not_a_number_for_each_class_is_refused(used):
    with pytest.raises(SettingsError, match=r"^prevalence is .*; needed a number above 0 for each of benign, mal"):
        PrevalenceShift(TWO, {"benign": 1, "malignant": 1}, used)


def test_a_class_that_the_training_did_not_have_is_named():
    with pytest.raises(SettingsError, match=r"trained_prevalence is .*'malignant': 0}; needed a number above 0"):
        PrevalenceShift(TWO, {"benign": 1, "malignant": 0}, {"benign": 1, "malignant": 1})


@pytest.mark.parametrize(
    "trained", [{"benign": 1}, {"benign": 1, "malignant": -1}, {"benign": 1, "malignant": "rare"}, 0.3, {}]
)
def test_a_prevalence_of_the_training_is_looked_at_before_it_is_used(trained):
    with pytest.raises(SettingsError, match=r"^trained_prevalence is .*; needed a number from 0 for each of benign"):
        PrevalenceShift(TWO, trained)


def test_a_class_that_the_training_did_not_have_is_no_matter_while_nothing_is_moved():
    chances = {"benign": 0.4, "malignant": 0.6}
    assert PrevalenceShift(TWO, {"benign": 1, "malignant": 0}).probabilities(chances) == chances


@pytest.mark.parametrize(
    "point", [2, 0, "malignant", ["malignant", 0.3], {}, {"label": "cyst", "threshold": 0.3}, {**POINT, "threshold": 2}]
)
def test_an_operating_point_that_is_none_is_refused_in_one_sentence(point):
    with pytest.raises(SettingsError) as error:
        PrevalenceShift(TWO).operating_point(point)
    assert str(error.value) == (
        f"operating_point is {point!r}; needed a label, one of benign, malignant, and a threshold above 0, at most 1, "
        "or null. Correct operating_point."
    )


def test_a_prevalence_without_that_of_the_training_is_refused():
    with pytest.raises(SettingsError, match="trained_prevalence is null"):
        PrevalenceShift(TWO, None, {"benign": 1, "malignant": 1})


def test_the_prevalence_of_a_training_is_counted_in_its_table():
    rows = [{"birads": name} for name in "2224"]
    assert prevalence_of(rows, "birads", ["2", "3", "4"]) == {"2": 0.75, "3": 0.0, "4": 0.25}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classification_bundle_takes_a_prevalence_and_knows_that_of_its_training(name):
    folder = find_bundle(name) / "configs"
    config = ConfigParser()
    config.read_config([folder / "inference.json", folder / "evaluate.json"])
    config["bundle_root"] = str(folder.parent)
    classes, trained = config["classes"], config["trained_prevalence"]
    assert name.startswith("ovarian") is (trained is None)
    config["trained_prevalence"] = trained or {one: k for k, one in enumerate(classes, start=1)}
    config["prevalence"] = dict.fromkeys(classes, 1)
    output = config.get_parsed_content("postprocessing").transforms[0]
    as_common = [config["trained_prevalence"][one] for one in classes]
    [scores] = output({"pred": config["temperature"] * torch.tensor(as_common).log()})["outputs"]
    assert scores.probabilities == pytest.approx(dict.fromkeys(classes, 1 / len(classes)), rel=2e-3)
    assert config.get_parsed_content("summarise").keywords["prevalence"] is output.prevalence


@pytest.mark.parametrize(
    "point",
    [
        {"label": "Malignant", "threshold": 0.3},
        {"label": "malignant", "threshold": 30},
        {"label": "malignant", "threshold": 0},
        {"label": "malignant", "threshold": "0.3"},
        {"label": "malignant"},
    ],
    ids=str,
)
def test_an_operating_point_of_no_class_or_no_probability_is_refused_with_the_classes(point):
    with pytest.raises(SettingsError, match="needed a label, one of benign, malignant, and a threshold above 0"):
        PrevalenceShift(TWO).operating_point(point)
