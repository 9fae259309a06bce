"""Classes: probabilities that add up to one, an answer at the operating point, and how good the answers are."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import MetaTensor
from sklearn.metrics import roc_auc_score

from echocare_core.errors import SettingsError, TableError
from echocare_core.tasks.classification import (
    ClassificationNetwork,
    ClassificationOutputd,
    ClassOfColumnd,
    build_mean_auc,
    mean_scores,
    score_classes,
    summarise_classes,
)
from echocare_core.types import Measurement, OperatingPoint, Scores

CLASSES = ["benign", "malignant"]
POINT = {"label": "malignant", "threshold": 0.3}


def output_of(logits, operating_point=None):
    return ClassificationOutputd("pred", "pathology", CLASSES, operating_point)({"pred": torch.tensor(logits)})


def probabilities_at(temperature):
    output = ClassificationOutputd("pred", "pathology", CLASSES, None, temperature)
    [scores] = output({"pred": torch.tensor([0.0, 3.0])})["outputs"]
    return scores.probabilities["malignant"]


def test_a_temperature_draws_probabilities_towards_even_ones():
    assert probabilities_at(1.0) == pytest.approx(1 / (1 + np.exp(-3)))
    assert probabilities_at(3.0) == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_turns_or_ends_answers_is_refused(temperature):
    with pytest.raises(SettingsError, match="needed a number above 0"):
        probabilities_at(temperature)


@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_an_image_of_any_size_gets_a_logit_for_every_class(size):
    network = ClassificationNetwork(classes=3, encoder="tiny", dropout=0.0)
    assert network(torch.rand(2, 3, *size)).shape == (2, 3)


def test_every_parameter_learns():
    network = ClassificationNetwork(classes=2, encoder="tiny", dropout=0.0)
    network(torch.rand(2, 3, 64, 64)).square().sum().backward()
    head = [parameter.grad for parameter in network.head.parameters()]
    assert all(gradient is not None and gradient.any() for gradient in head)
    assert network.encoder.patch_embed.proj.weight.grad.any()


def test_the_probabilities_are_the_softmax_of_the_logits():
    [scores] = output_of([0.0, math.log(3)])["outputs"]
    assert scores.probabilities == pytest.approx({"benign": 0.25, "malignant": 0.75})
    assert scores.name == "pathology"


def test_of_logits_of_places_the_mean_counts():
    [scores] = output_of([[[0.0, 0.0]], [[0.0, 2 * math.log(3)]]])["outputs"]
    assert scores.probabilities == pytest.approx({"benign": 0.25, "malignant": 0.75})


@pytest.mark.parametrize(("malignant", "answer"), [(0.29, "benign"), (0.31, "malignant")])
def test_the_answer_changes_at_the_operating_point(malignant, answer):
    [scores] = output_of([math.log(1 - malignant), math.log(malignant)], POINT)["outputs"]
    assert scores.answer == answer
    assert scores.operating_point == OperatingPoint("malignant", 0.3)


def test_without_an_operating_point_the_likeliest_class_is_the_answer():
    [scores] = output_of([1.0, 0.0])["outputs"]
    assert scores.answer == "benign"


def test_below_the_operating_point_the_likeliest_of_the_others_is_the_answer():
    scores = Scores("kind", {"a": 0.2, "b": 0.35, "c": 0.45}, OperatingPoint("c", 0.5))
    assert scores.answer == "b"


def test_a_cine_has_the_mean_of_its_frames():
    parts = [(Scores("pathology", {"benign": 1 - p, "malignant": p}, OperatingPoint("malignant", 0.4)),
              Measurement("size", 3.0, "mm")) for p in (0.2, 0.4, 0.9)]  # fmt: skip
    [scores] = mean_scores(parts)
    assert scores.probabilities == pytest.approx({"benign": 0.5, "malignant": 0.5})
    assert scores.answer == "malignant"


def test_the_class_of_a_row_becomes_its_number():
    item = ClassOfColumnd("label", "pathology", CLASSES)({"pathology": "malignant"})
    assert (int(item["label"]), item["label"].dtype) == (1, torch.int64)


def test_a_class_that_is_not_known_is_refused_with_the_known_ones():
    with pytest.raises(TableError, match="says 'cancer'; needed benign, malignant"):
        ClassOfColumnd("label", "pathology", CLASSES)({"pathology": "cancer"})


@pytest.mark.parametrize(
    "image",
    ["data/x.png", MetaTensor(torch.zeros(1), meta={"filename_or_obj": "data/x.png"})],
    ids=["path", "picture"],
)
def test_a_class_that_is_not_known_is_refused_with_the_image_of_its_row(image):
    with pytest.raises(TableError, match=r"says 'cancer' of x\.png; needed benign, malignant"):
        ClassOfColumnd("label", "pathology", CLASSES)({"image": image, "pathology": "cancer"})


@pytest.mark.parametrize("classes", [2, 3])
def test_the_metric_of_a_validation_is_the_mean_area_under_the_curve(classes):
    generator = np.random.default_rng(classes)
    logits = torch.from_numpy(generator.normal(size=(30, classes)))
    truths = np.arange(30) % classes
    metric = build_mean_auc(classes)
    metric.update(metric._output_transform([{"pred": one, "label": int(t)} for one, t in zip(logits, truths)]))  # noqa: B905
    scores = logits.float().softmax(dim=1).numpy()
    expected = np.mean([roc_auc_score(truths == number, scores[:, number]) for number in range(classes)])
    assert metric.compute() == pytest.approx(expected)


def scored(probability, truth, group="P"):
    scores = Scores("pathology", {"benign": 1 - probability, "malignant": probability}, OperatingPoint(**POINT))
    item = {"outputs": (scores,), "pathology": truth}
    return {"group": group, **score_classes(item, column="pathology", classes=CLASSES)}


def test_an_item_is_scored_by_its_answer_and_its_probabilities():
    row = scored(0.4, "benign")
    assert row == pytest.approx(
        {"group": "P", "truth": 0, "answer": 1, "benign_probability": 0.6, "malignant_probability": 0.4}
    )


def test_the_numbers_of_a_table_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    rows = pd.DataFrame([scored(float(generator.random()), CLASSES[n % 2], str(n)) for n in range(40)])
    found = summarise_classes(rows, classes=CLASSES, operating_point=POINT)
    assert found["auc"]["mean"] == pytest.approx(roc_auc_score(rows.truth, rows.malignant_probability))
    recalls = [(rows.answer == number)[rows.truth == number].mean() for number in (0, 1)]
    assert found["balanced_accuracy"]["mean"] == pytest.approx(np.mean(recalls))
    assert found["auc"]["low"] < found["auc"]["mean"] < found["auc"]["high"]


def test_the_area_under_the_curve_of_one_class_alone_is_not_known():
    rows = pd.DataFrame([scored(0.2, "benign", "a"), scored(0.4, "benign", "b")])
    found = summarise_classes(rows, classes=CLASSES, operating_point=POINT)
    assert math.isnan(found["auc"]["mean"])
    assert found["balanced_accuracy"]["mean"] == 0.5


def test_patients_and_maps_have_their_numbers_where_a_table_has_such():
    rows = pd.DataFrame([scored(0.2 + 0.1 * n, CLASSES[n > 2], "p" if n < 2 else str(n)) for n in range(6)])
    maps = rows.assign(activation_in_mask=[0.5, 0.3, math.nan, math.nan, 0.1, 0.1], mask_share=0.2)
    plain, found = (summarise_classes(one, classes=CLASSES, operating_point=POINT) for one in (rows, maps))
    assert set(found) - set(plain) == {"activation_in_mask", "mask_share"}
    assert found["activation_in_mask"]["mean"] == pytest.approx(0.25)
    assert (found["activation_in_mask"]["images"], found["activation_in_mask"]["groups"]) == (4, 3)
    assert found["auc_per_patient"]["mean"] == 1
    assert (found["auc_per_patient"]["groups"], found["auc_per_patient"]["groups_left_out"]) == (5, 0)
    assert found["balanced_accuracy_per_patient"]["mean"] == pytest.approx((1 / 2 + 1) / 2)


def test_the_calibration_error_is_how_far_the_likeliest_answer_is_from_being_right_as_often_as_it_says():
    """Forty images that get 0.8 or 0.2: the likeliest class is right in half of the cases."""
    rows = pd.DataFrame([scored((0.8, 0.2)[n % 2], CLASSES[n % 4 // 2], str(n)) for n in range(40)])
    assert summarise_classes(rows, classes=CLASSES, operating_point=POINT)["calibration_error"][
        "mean"
    ] == pytest.approx(0.3)


def test_the_example_bundle_names_its_values_alike_in_training_and_inference():
    folder = Path(__file__).parents[2] / "docs" / "example_bundle" / "configs"
    train, inference = (json.loads((folder / name).read_text()) for name in ("train.json", "inference.json"))
    assert {name: train[name] for name in ("classes", "image_size")} == {
        name: inference[name] for name in ("classes", "image_size")
    }
    assert train["load"][:2] == inference["preprocessing"]["transforms"]
