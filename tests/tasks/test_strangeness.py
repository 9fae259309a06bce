"""Strangeness: far from every known class is strange, 0 is the median and 1 what a given share of pictures exceeds."""

import numpy as np
import pytest
import torch

from echocare_core.errors import TrainingError
from echocare_core.tasks.strangeness import Strangeness


def two_classes(images, seed=0):
    """Features (images, 4) of two classes, 20 apart along the first, with spreads 1, 2, 3 and 4; and their numbers."""
    generator = np.random.default_rng(seed)
    classes = np.arange(images) % 2
    features = generator.normal(size=(images, 4)) * [1, 2, 3, 4] + 20 * classes[:, None] * [1, 0, 0, 0]
    return torch.from_numpy(features).float(), torch.from_numpy(classes)


@pytest.fixture
def fitted():
    known = Strangeness(4, classes=3)
    known.fit(*two_classes(2000), shrinkage=1e-6)
    return known


def strangeness_of(known, *features):
    return known(known.normalise(torch.tensor(features, dtype=torch.float32)))


def squared_distances(asked, mean, centred):
    """Mahalanobis distances of rows from one mean, squared, by the covariance of centred rows."""
    precision = np.linalg.inv(centred.T @ centred / len(centred))
    return np.einsum("ic,cd,id->i", asked - mean, precision, asked - mean)


def test_it_is_the_distance_from_the_nearest_class_less_that_from_all(fitted):
    features, classes = (values.numpy().astype(float) for values in two_classes(2000))
    means = [features[classes == number].mean(axis=0) for number in (0, 1)]
    within = features - np.stack(means)[classes.astype(int)]
    asked = np.array([[3.0, 1.0, -4.0, 0.0], [19.0, 0.0, 0.0, 9.0], [60.0, 1.0, 1.0, 1.0]])
    nearest = np.minimum(*(squared_distances(asked, mean, within) for mean in means))
    expected = nearest - squared_distances(asked, features.mean(axis=0), features - features.mean(axis=0))

    assert strangeness_of(fitted, *asked.tolist()).numpy() == pytest.approx(expected, rel=0.02, abs=0.02)


def test_between_two_classes_is_stranger_than_in_one_of_them(fitted):
    inside, between = strangeness_of(fitted, [20.0, 0, 0, 0], [10.0, 0, 0, 0])

    assert between > inside + 50


def test_the_given_share_of_known_pictures_is_stranger_than_one(fitted):
    held_out, _ = two_classes(1000, seed=1)
    fitted.calibrate(held_out, false_alarms=0.05)

    found = strangeness_of(fitted, *held_out.tolist())
    assert (found > 1).float().mean() == pytest.approx(0.05, abs=0.002)
    assert (found > 0).float().mean() == pytest.approx(0.5, abs=0.002)


def test_what_was_fitted_stands_in_the_state_dict(fitted):
    other = Strangeness(4, classes=3)
    other.load_state_dict(fitted.state_dict())

    asked = [1.0, 2.0, 3.0, 4.0]
    assert strangeness_of(other, asked) == strangeness_of(fitted, asked)


@pytest.mark.parametrize("images", [2, 6])
def test_few_pictures_of_one_class_give_a_finite_answer(images):
    known = Strangeness(4, classes=2)
    known.fit(torch.rand(images, 4), torch.zeros(images, dtype=torch.int64), shrinkage=0.01)

    assert strangeness_of(known, [0.0, 0, 0, 0]).isfinite().all()


def test_a_single_picture_is_not_enough():
    with pytest.raises(TrainingError, match="1 image of known organs; needed two or more"):
        Strangeness(4, classes=2).fit(torch.rand(1, 4), torch.zeros(1, dtype=torch.int64), shrinkage=0.01)
