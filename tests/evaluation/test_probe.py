"""Probes of frozen features: what they give for features that tell all, nothing, or that no fold can judge."""

import numpy as np
import pytest
import torch
from small_network import SMALLEST

from echocare_core.errors import TableError
from echocare_core.evaluation.probe import Labelled, linear_probe, nearest_neighbours, pooled_features
from echocare_core.models import build_encoder

PROBES = [linear_probe, nearest_neighbours]


def labelled(count, signal, seed=0, classes=("benign", "malignant")):
    """Features of noise, a class each in turn and, as strong as asked, its sign; every two images are one patient's."""
    generator = np.random.default_rng(seed)
    names = np.array([classes[number // 2 % len(classes)] for number in range(count)])
    centres = np.random.default_rng(99).standard_normal((len(classes), 12))
    places = [list(classes).index(name) for name in names]
    features = generator.standard_normal((count, 12)) + signal * centres[places]
    return Labelled(features.astype(np.float32), names, np.array([f"p{number // 2}" for number in range(count)]))


@pytest.mark.parametrize("probe", PROBES)
def test_features_that_tell_the_classes_apart_score_near_one(probe):
    assert probe(labelled(120, 3.0), labelled(60, 3.0, seed=1)) > 0.98


@pytest.mark.parametrize("probe", PROBES)
def test_features_that_tell_nothing_score_near_a_half(probe):
    assert 0.35 < probe(labelled(400, 0.0), labelled(400, 0.0, seed=1)) < 0.65


def test_several_classes_are_each_scored_against_the_rest():
    classes = ("normal", "benign", "malignant")
    assert linear_probe(labelled(180, 3.0, classes=classes), labelled(90, 3.0, seed=1, classes=classes)) > 0.98


def test_the_penalty_is_chosen_from_the_folds_that_have_all_classes():
    """Patients sorted by class leave some folds with one class; they must not decide, nor spoil the others' vote."""
    train = labelled(40, 1.0)
    order = np.argsort(train.classes)
    train = Labelled(train.features[order], train.classes[order], train.groups[order])
    assert 0.7 < linear_probe(train, labelled(400, 1.0, seed=1)) <= 1


def test_without_any_such_fold_the_probe_still_answers():
    train = labelled(40, 3.0)
    one_patient_per_class = Labelled(train.features, train.classes, train.classes)
    assert linear_probe(one_patient_per_class, labelled(60, 3.0, seed=1)) > 0.9


def test_one_class_cannot_be_probed():
    alone = labelled(20, 1.0, classes=("benign",))
    with pytest.raises(TableError, match="Classes to fit on: benign"):
        linear_probe(alone, labelled(20, 1.0))


def test_features_are_the_means_of_the_three_deepest_maps():
    torch.manual_seed(0)
    encoder = build_encoder(SMALLEST).eval()
    batches = torch.rand(3, 3, 64, 64).split(2)
    with torch.no_grad():
        wanted = [torch.cat([one.mean((2, 3)) for one in encoder(batch)[2:]], 1) for batch in batches]
    found = pooled_features(encoder, batches, bfloat16=False)
    assert np.allclose(found, torch.cat(wanted).numpy(), atol=1e-5)
