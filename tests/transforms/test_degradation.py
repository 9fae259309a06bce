"""Degraded pictures: each fault comes by itself, and the same picture always gets the same ones."""

import numpy as np
import pytest

from echocare_core.errors import SettingsError
from echocare_core.transforms.degradation import FixedByContentd, RandPoorScannerd

RANGES = {
    "blur_px": [1.5, 1.5],
    "lines": [24, 24],
    "speckle": [0.3, 0.3],
    "grain_px": [0.5, 0.5],
    "time_gain": 0.2,
    "gain": [0.1, 0.1],
    "dynamic_range": [0.6, 0.6],
}


def scanner(prob=0.5, **ranges):
    return RandPoorScannerd("image", prob=prob, **{**RANGES, **ranges})


def picture(seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (3, 64, 64)).astype(np.float32)


def degraded(image, transform, seed=5):
    return FixedByContentd("image", [transform], seed)({"image": image, "label": image})["image"]


def test_a_scanner_without_faults_leaves_the_picture():
    image = picture()
    assert scanner(prob=0.0)({"image": image})["image"] is image


@pytest.mark.parametrize("number", range(6))
def test_each_fault_alone_changes_the_picture_in_its_own_way(number):
    image = picture()
    faulty = scanner(prob=0.0)
    faulty.transforms[number].prob = 1.0
    whole = scanner(prob=1.0)
    changed = faulty({"image": image})["image"]
    assert np.abs(changed - image).max() > 0.03
    assert np.abs(changed - whole({"image": image})["image"]).max() > 0.03


def test_a_range_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="sigma_px"):
        scanner(blur_px=[2, 1])


def test_a_picture_gets_the_same_faults_in_whatever_order_it_comes():
    transform = FixedByContentd("image", [scanner()], 5)
    images = [picture(seed) for seed in range(4)]
    there = [transform({"image": image})["image"] for image in images]
    back = [transform({"image": image})["image"] for image in reversed(images)]
    for one, other in zip(there, reversed(back), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_picture_and_another_seed_draw_other_faults():
    first = degraded(picture(), scanner()) - picture()
    assert np.abs(first - (degraded(picture(1), scanner()) - picture(1))).max() > 0.03
    assert np.abs(first - (degraded(picture(), scanner(), seed=6) - picture())).max() > 0.03


def test_what_is_not_named_stays():
    image = picture()
    item = FixedByContentd("image", [scanner(prob=1.0)], 5)({"image": image, "label": image})
    assert item["label"] is image
