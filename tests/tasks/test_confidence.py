"""Parts of a mask that the network is not sure of are taken out, each by its own confidence."""

import numpy as np
import pytest

from echocare_core.tasks.confidence import keep_confident_parts, outline_agreement

SIZE = (20, 30)
SURE, UNSURE, OTHER = (slice(2, 6), slice(2, 6)), (slice(2, 6), slice(20, 26)), (slice(12, 18), slice(4, 9))


@pytest.fixture
def outlined():
    """Two parts of label 1 with means of 0.9 and 0.6, one of label 2 with 0.6, and their probabilities."""
    mask, chances = np.zeros(SIZE, np.uint8), np.zeros((3, *SIZE), np.float32)
    for part, label, mean in ((SURE, 1, 0.9), (UNSURE, 1, 0.6), (OTHER, 2, 0.6)):
        mask[part] = label
        chances[label][part] = mean
        chances[label][part][0, 0] += 0.05  # a mean, not the greatest
    return mask, chances


def test_only_the_unsure_part_of_the_label_goes(outlined):
    kept = keep_confident_parts(*outlined, {1: 0.7})
    assert kept[SURE].all()
    assert not kept[UNSURE].any()
    assert (kept[OTHER] == 2).all()


@pytest.mark.parametrize(("least", "left"), [({}, {0, 1, 2}), ({1: 0.95, 2: 0.95}, {0}), ({2: 0.7}, {0, 1})])
def test_each_label_has_a_least_confidence_of_its_own(outlined, least, left):
    mask = outlined[0].copy()
    assert set(np.unique(keep_confident_parts(*outlined, least))) == left
    np.testing.assert_array_equal(outlined[0], mask)


def cone(slope, middle=(60, 60)):
    """Probability that falls evenly with the distance from a place, by `slope` a pixel, and a half at 20 pixels."""
    rows, columns = np.mgrid[:120, :160]
    return np.clip(0.5 + slope * (20 - np.hypot(rows - middle[0], columns - middle[1])), 0, 1)


@pytest.mark.parametrize("slope", [0.02, 0.05, 0.2])
def test_an_outline_is_as_sure_as_the_discs_above_both_thresholds_are_alike(slope):
    chance = cone(slope)
    wide, narrow = 20 + 0.2 / slope, 20 - 0.2 / slope
    found = outline_agreement(chance, chance > 0.5, (0.3, 0.7))
    assert found == pytest.approx(2 * narrow**2 / (narrow**2 + wide**2), abs=0.02)


def test_another_part_does_not_change_how_sure_an_outline_is():
    chance = cone(0.2)
    both = np.maximum(chance, cone(0.02, (60, 140)))
    part = chance > 0.5
    assert outline_agreement(both, part, (0.3, 0.7)) == outline_agreement(chance, part, (0.3, 0.7))


def test_an_outline_that_no_pixel_is_sure_of_has_none():
    chance = np.full(SIZE, 0.5)
    assert outline_agreement(chance, chance > 0, (0.3, 0.7)) == 0
    assert np.isnan(outline_agreement(chance, chance > 0, (0.6, 0.7)))


def test_an_empty_mask_stays_empty():
    assert not keep_confident_parts(np.zeros(SIZE, np.uint8), np.zeros((2, *SIZE), np.float32), {1: 0.5}).any()


def test_a_mass_that_is_none_becomes_the_organ_inside_of_it_and_background_outside():
    mask, chances = np.zeros(SIZE, np.uint8), np.zeros((3, *SIZE), np.float32)
    mask[:, :15], chances[1, :, :15], chances[0, :, 15:] = 1, 0.9, 0.9
    mask[5:10, 10:20], chances[2, 5:10, 10:20] = 2, 0.5
    chances[1, 5:10, 10:15], chances[0, 5:10, 15:20] = 0.4, 0.4
    kept = keep_confident_parts(mask, chances, {2: 0.6})
    assert (kept[:, :15] == 1).all()
    assert not kept[:, 15:].any()


@pytest.mark.parametrize("least", [{1: 0.6, 2: 0.6}, {2: 0.6, 1: 0.6}])
def test_what_falls_to_a_label_that_is_unsure_as_well_falls_on_and_does_not_come_back(least):
    mask, chances = np.full(SIZE, 2, np.uint8), np.zeros((3, *SIZE), np.float32)
    chances[0], chances[1], chances[2] = 0.2, 0.35, 0.45
    assert not keep_confident_parts(mask, chances, least).any()
