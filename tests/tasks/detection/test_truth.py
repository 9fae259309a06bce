"""Boxes of drawn masks: one for each part, or one for all, inside the picture and none for specks."""

import numpy as np
import pytest
import torch

from echocare_core.errors import TableError
from echocare_core.tasks.detection import BoxesOfMaskd, Drawing

CLASSES = ("liver", "mass", "head")
DRAWING = Drawing("structures", CLASSES, single=("liver", "head"), within={"liver": ("mass",)})


def mask_of(*parts):
    mask = np.zeros((40, 60), np.uint8)
    for value, top, left, bottom, right in parts:
        mask[top:bottom, left:right] = value
    return mask


def boxes_of(mask, structures):
    return list(DRAWING.boxes(mask, structures))


def test_each_mass_has_a_box_and_the_liver_one_around_all_of_it():
    mask = mask_of((1, 5, 5, 20, 30), (1, 22, 40, 30, 50), (2, 8, 8, 12, 14), (2, 24, 42, 34, 46))
    assert boxes_of(mask, ["liver", "mass"]) == [
        ("liver", [5, 5, 34, 50]),  # with the part of a mass that bulges out of it
        ("mass", [8, 8, 12, 14]),
        ("mass", [24, 42, 34, 46]),
    ]


def test_the_same_values_mean_what_the_table_says():
    assert boxes_of(mask_of((1, 5, 6, 20, 30)), ["head"]) == [("head", [5, 6, 20, 30])]
    assert boxes_of(mask_of(), ["head"]) == []


def test_a_label_has_the_largest_boxes_first_and_no_speck():
    mask = mask_of((1, 2, 2, 30, 50), (2, 5, 5, 7, 30), (2, 20, 20, 28, 28))
    item = {"label": torch.from_numpy(mask)[None].float(), "structures": "liver;mass"}
    label = BoxesOfMaskd("label", DRAWING, most=3, smallest_px=3)(item)["label"]
    assert label.tolist() == [[2, 2, 30, 50, 0], [20, 20, 28, 28, 1], [-1] * 5]


@pytest.mark.parametrize("said", ["lung", "liver;lung", "", None])
def test_a_structure_that_is_no_class_is_refused_by_name(said):
    with pytest.raises(TableError, match=r"structures says .*needed what the values .*liver, mass, head.*Correct that"):
        DRAWING.structures({"structures": said})


def test_an_item_that_names_no_structures_has_the_numbers_of_the_classes():
    assert DRAWING.structures({"label": 0}) == list(CLASSES)


def test_a_value_that_the_table_does_not_name_is_refused():
    item = {"label": torch.from_numpy(mask_of((2, 5, 5, 20, 30)))[None].float(), "structures": "head"}
    with pytest.raises(TableError, match=r"holds the value 2, and the table's column structures names 1: 'head'"):
        BoxesOfMaskd("label", DRAWING, most=3, smallest_px=3)(item)
