"""Masks beside drawn ones: equal MONAI's metrics in mm, and what empty masks count as."""

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_iou
from skimage.draw import ellipse

from echocare_core.evaluation.mask_scores import average_surface_distance_mm, dice, hausdorff_95_mm, iou, share_inside

SPACING = (0.5, 0.2)
EMPTY = np.zeros((40, 60), dtype=bool)


def drawn(row, column, height, width):
    mask = EMPTY.copy()
    mask[ellipse(row, column, height, width, shape=mask.shape)] = True
    return mask


PAIRS = [
    (drawn(20, 30, 10, 14), drawn(22, 33, 9, 16)),
    (drawn(3, 2, 9, 9), drawn(20, 40, 15, 30)),  # both cut off by the frame
    (drawn(10, 10, 4, 4), drawn(30, 50, 5, 5)),
]


@pytest.mark.parametrize(("predicted", "true"), PAIRS)
def test_scores_equal_monai(predicted, true):
    pair = [torch.from_numpy(mask)[None, None].float() for mask in (predicted, true)]
    kept = {"include_background": True, "spacing": SPACING}
    wanted = compute_hausdorff_distance(*pair, percentile=95, **kept)
    assert hausdorff_95_mm(predicted, true, SPACING) == pytest.approx(float(wanted), rel=1e-5)
    wanted = compute_average_surface_distance(*pair, symmetric=True, **kept)
    assert average_surface_distance_mm(predicted, true, SPACING) == pytest.approx(float(wanted), rel=1e-5)
    assert iou(predicted, true) == pytest.approx(float(compute_iou(*pair)), rel=1e-5)


@pytest.mark.parametrize(("predicted", "true"), PAIRS)
def test_dice_follows_from_the_intersection_over_union(predicted, true):
    shared = iou(predicted, true)
    assert dice(predicted, true) == pytest.approx(2 * shared / (1 + shared))


@pytest.mark.parametrize("score", [hausdorff_95_mm, average_surface_distance_mm])
def test_distances_are_symmetric_grow_with_the_pixel_and_are_none_of_the_same_mask(score):
    one, other = PAIRS[0]
    assert score(one, other, SPACING) == score(other, one, SPACING)
    assert score(one, other, (1.0, 0.4)) == pytest.approx(2 * score(one, other, SPACING))
    assert score(one, one, SPACING) == 0


@pytest.mark.parametrize("score", [hausdorff_95_mm, average_surface_distance_mm])
def test_a_mask_that_is_missing_is_a_diagonal_away_and_two_have_no_distance(score):
    diagonal = math.hypot(40 * 0.5, 60 * 0.2)
    assert score(EMPTY, PAIRS[0][1], SPACING) == score(PAIRS[0][0], EMPTY, SPACING) == pytest.approx(diagonal)
    assert math.isnan(score(EMPTY, EMPTY, SPACING))


def test_two_empty_masks_agree():
    assert (dice(EMPTY, EMPTY), iou(EMPTY, EMPTY)) == (1, 1)
    assert (dice(EMPTY, PAIRS[0][1]), iou(EMPTY, PAIRS[0][1])) == (0, 0)


def test_the_share_inside_is_of_what_speaks_for_the_class_where_somebody_looked():
    evidence = np.full((4, 6), -1.0)
    evidence[1, 1:5] = 1.0, 3.0, 4.0, 2.0
    evidence[:, 5] = np.nan
    mask = np.zeros((4, 6), dtype=bool)
    mask[1, 2:6] = True
    assert share_inside(evidence, mask) == pytest.approx((9 / 10, 3 / 20))


@pytest.mark.parametrize(
    ("evidence", "mask"),
    [(np.full((2, 3), -1.0), np.ones((2, 3), bool)), (np.ones((2, 3)), np.zeros((2, 3), bool))],
    ids=["no evidence", "no mask"],
)
def test_without_evidence_or_mask_no_share_is_known(evidence, mask):
    assert np.isnan(share_inside(evidence, mask)).all()
