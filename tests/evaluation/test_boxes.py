"""Boxes beside true ones: matched once each, and precision and sensitivity as plain loops over the boxes give them."""

import numpy as np
import pandas as pd
import pytest

from echocare_core.evaluation.boxes import (
    DETECTION_PRECISION,
    box_iou,
    froc,
    match_boxes,
    match_classes,
    mean_average_precision,
    sensitivity_at,
)
from echocare_core.evaluation.estimate import estimate


def test_overlap_is_that_of_the_areas():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 0, 0]])
    others = np.array([[0, 0, 10, 10], [5, 5, 15, 15], [20, 20, 30, 30]])
    assert box_iou(boxes, others) == pytest.approx(np.array([[1, 25 / 175, 0], [0, 0, 0]]))


def test_the_surest_box_takes_the_true_one_and_another_on_it_is_a_false_alarm():
    true = np.array([[0, 0, 10, 10], [50, 50, 60, 60]])
    boxes = np.array([[0, 0, 10, 11], [0, 0, 10, 10], [50, 50, 60, 70]])
    found = match_boxes(boxes, [0.6, 0.9, 0.8], true, least_iou=0.6)
    assert (list(found["box_hits"]), found["true_boxes"]) == ([False, True, False], 2)


@pytest.mark.parametrize(("boxes", "true"), [(0, 0), (2, 0), (0, 2)])
def test_an_image_without_boxes_is_matched_too(boxes, true):
    found = match_boxes(np.zeros((boxes, 4)), [0.5] * boxes, np.zeros((true, 4)), least_iou=0.5)
    assert (len(found["box_hits"]), found["box_hits"].sum(), found["true_boxes"]) == (boxes, 0, true)


def searched(images=60, seed=0):
    """Images with none to three true boxes, found or not, and false alarms; scores with ties."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(images):
        true = int(generator.integers(4))
        hits = np.array([True] * generator.integers(true + 1) + [False] * generator.integers(3), dtype=bool)
        scores = np.round(0.3 * hits + generator.random(len(hits)) * 0.7, 1)
        rows.append({"group": number // 2, "box_scores": scores, "box_hits": hits, "true_boxes": true})
    return pd.DataFrame(rows)


def curve_in_plain_lines(rows):
    """(sensitivity, precision, false alarms per image) at each threshold, the highest first."""
    scores, hits = np.concatenate(list(rows.box_scores)), np.concatenate(list(rows.box_hits))
    points = []
    for threshold in sorted(set(scores), reverse=True):
        found, shown = hits[scores >= threshold].sum(), (scores >= threshold).sum()
        points.append((found / rows.true_boxes.sum(), found / shown, (shown - found) / len(rows)))
    return points


def test_average_precision_is_the_area_under_the_best_precision():
    rows = searched()
    points, area, before = curve_in_plain_lines(rows), 0.0, 0.0
    for place, (recall, _, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision, _ in points[place:])
        before = recall
    number = estimate(rows, DETECTION_PRECISION)
    assert number.estimate == pytest.approx(area)
    assert (number.images, number.groups) == (60, 30)


@pytest.mark.parametrize("allowed", [0.0, 0.25, 0.5, 8.0])
def test_sensitivity_at_false_alarms_is_the_best_with_no_more(allowed):
    rows = searched()
    wanted = max([0.0, *(recall for recall, _, alarms in curve_in_plain_lines(rows) if alarms <= allowed)])
    assert estimate(rows, sensitivity_at(allowed)).estimate == pytest.approx(wanted)


def test_resamples_are_of_images_written_out():
    rows = searched()
    counts = np.random.default_rng(1).integers(3, size=(1, 60)).astype(float)
    written_out = rows.loc[rows.index.repeat(counts[0].astype(int))].reset_index(drop=True)
    for statistic in (DETECTION_PRECISION, sensitivity_at(0.5)):
        alone = statistic.values(written_out, np.ones((1, len(written_out))))
        assert statistic.values(rows, counts) == pytest.approx(alone)


def test_the_free_response_curve_rises():
    sensitivities = [one.estimate for one in froc(searched()).values()]
    assert len(sensitivities) == 7
    assert sensitivities == sorted(sensitivities)


def test_images_without_any_true_box_have_words():
    nothing = searched().assign(true_boxes=0)
    assert "no true box" in estimate(nothing, sensitivity_at(1)).warning


def test_nothing_found_is_a_sensitivity_of_none():
    rows = searched().assign(box_scores=[np.zeros(0)] * 60, box_hits=[np.zeros(0, dtype=bool)] * 60)
    number = estimate(rows, DETECTION_PRECISION)
    assert (number.estimate, number.low) == (0, 0)
    assert number.high > 0


def test_mean_average_precision_is_that_of_each_class_at_each_overlap():
    """Against the precision of plain loops, box by box."""
    generator, rows = np.random.default_rng(1), []
    for number in range(20):
        true = generator.integers(0, 60, (3, 2)) @ np.array([[1, 0, 1, 0], [0, 1, 0, 1]]) + [0, 0, 30, 30]
        boxes = np.concatenate([true[:2] + generator.integers(-4, 5, (2, 4)), [[70, 70, 90, 95]]])
        columns = match_classes(
            boxes, generator.random(3), ["cyst", "nodule", "cyst"], true, ["cyst", "nodule", "nodule"],
            classes=["cyst", "nodule", "stone"], overlaps=(0.5, 0.8),
        )  # fmt: skip
        rows.append({"group": number, **columns})
    table, expected = pd.DataFrame(rows), []
    for name in ("cyst", "nodule"):
        for overlap in range(2):
            one = pd.DataFrame(
                {
                    "group": table.group, "box_scores": table[f"{name}_box_scores"],
                    "box_hits": [hits[overlap] for hits in table[f"{name}_box_hits"]],
                    "true_boxes": table[f"{name}_true_boxes"],
                }
            )  # fmt: skip
            expected.append(estimate(one, DETECTION_PRECISION).estimate)
    number = estimate(table, mean_average_precision(["cyst", "nodule", "stone"], range(2)))
    assert number.estimate == pytest.approx(np.mean(expected))
    assert expected[1] < expected[0]  # a closer look finds fewer
    assert number.low < number.estimate < number.high
