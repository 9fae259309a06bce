"""Boxes beside those of drawn masks: as found, missed and false, and as average precision."""

import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image
from test_network import CLASSES, choice, coding, labelled, output_of

from echocare_core.errors import TableError
from echocare_core.tasks.detection import Drawing, MeanAveragePrecision, drawn_boxes, score_boxes, summarise_boxes
from echocare_core.types import Boxes

DRAWING = Drawing("structures", CLASSES, single=("liver",), within={"liver": ("mass",)})
LIVER, MASS = (5, 5, 35, 55), (10, 10, 20, 20)


def item_of(tmp_path, *found, structures="liver;mass", least_score=0.5):
    """A picture with a liver and a mass; `found`: (corners, class, score)."""
    mask = np.zeros((40, 60), np.uint8)
    for value, (top, left, bottom, right) in enumerate((LIVER, MASS), start=1):
        mask[top:bottom, left:right] = value
    Image.fromarray(mask).save(tmp_path / "mask.png")
    kept = [one for one in found if one[2] >= least_score]
    boxes = Boxes(
        np.array([one[0] for one in kept], float).reshape(-1, 4), tuple(CLASSES[one[1]] for one in kept),
        tuple(one[2] for one in kept), CLASSES,
    )  # fmt: skip
    meta = {"recorded_size": torch.tensor([40, 60]), "filename_or_obj": "picture.png"}
    candidates = torch.tensor([[*corners, score, number] for corners, number, score in found]).reshape(-1, 6)
    return {
        "image": MetaTensor(torch.zeros(3, 40, 60), meta=meta), "mask": str(tmp_path / "mask.png"),
        "structures": structures, "pred": candidates, "outputs": (boxes,),
    }  # fmt: skip


def test_boxes_of_a_mask_are_labels_as_an_evaluation_takes_them(tmp_path):
    first, second = drawn_boxes(item_of(tmp_path), drawing=DRAWING)
    assert first == {"label": "liver", "top_px": 5, "left_px": 5, "bottom_px": 35, "right_px": 55}
    assert second["label"] == "mass"


def test_found_missed_and_false_boxes_are_counted_at_the_operating_point(tmp_path):
    found = [(LIVER, 0, 0.9), ((0, 30, 10, 40), 1, 0.8), (MASS, 1, 0.3)]
    scored = score_boxes(item_of(tmp_path, *found), drawing=DRAWING)
    assert {name: scored[f"boxes_{name}"] for name in ("drawn", "given", "found", "false")} == {
        "drawn": 2, "given": 2, "found": 1, "false": 1,
    }  # fmt: skip
    assert scored["mass_box_hits"][0].tolist() == [False, True]  # the score knows candidates below it too


def test_a_box_of_another_class_finds_nothing(tmp_path):
    assert score_boxes(item_of(tmp_path, (LIVER, 1, 0.9)), drawing=DRAWING)["boxes_found"] == 0


def test_numbers_are_of_all_classes_and_of_each(tmp_path):
    found = [[(LIVER, 0, 0.9), (MASS, 1, 0.8)], [(LIVER, 0, 0.9)]]
    rows = [score_boxes(item_of(tmp_path, *some), drawing=DRAWING) for some in found]
    numbers = summarise_boxes(pd.DataFrame(rows).assign(group=["a", "b"]), classes=CLASSES)
    means = {name: number["mean"] for name, number in numbers.items()}
    assert means["average_precision_50_liver"] == 1
    assert means["average_precision_mass"] == 0.5
    assert means["mean_average_precision"] == 0.75
    assert means["boxes_sensitivity"] == 0.75
    assert means["boxes_false_per_image"] == 0


def test_a_class_that_nowhere_is_drawn_does_not_count(tmp_path):
    rows = [score_boxes(item_of(tmp_path, (LIVER, 0, 0.9), structures="liver;mass"), drawing=DRAWING)]
    rows[0] |= {"mass_true_boxes": 0}
    numbers = summarise_boxes(pd.DataFrame(rows).assign(group=["a"]), classes=CLASSES)
    assert numbers["mean_average_precision"]["mean"] == 1
    assert np.isnan(numbers["average_precision_mass"]["mean"])


def test_a_table_that_does_not_say_what_was_drawn_is_refused(tmp_path):
    with pytest.raises(TableError, match="structures says 'kidney'"):
        score_boxes(item_of(tmp_path, structures="kidney"), drawing=DRAWING)


def test_a_validation_has_the_same_number():
    metric, boxes = MeanAveragePrecision(choice()), [(20.0, 30.0, 90.0, 150.0), (90.0, 10.0, 120.0, 60.0)]
    both, one = output_of(coding(), boxes, [0, 1]), output_of(coding(), boxes[:1], [0])
    true = labelled((*boxes[0], 0), (*boxes[1], 1))[0]
    metric.update([{"pred": both, "label": true}, {"pred": one, "label": true}])
    assert metric.compute() == pytest.approx(0.75)
    metric.reset()
    metric.update([{"pred": one, "label": labelled()[0]}])
    assert metric.compute() == 0
