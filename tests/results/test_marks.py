from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from echocare_core.results.overlay import draw_frame
from echocare_core.results.overlay.marks import MOST_CORNERS, plain_legend, plain_marks
from echocare_core.types import Boxes, ClassActivation, Mask, Measurement, Points

FRAME = np.zeros((300, 400, 3), dtype=np.uint8)


def marks_of(*outputs) -> list[dict]:
    drawn = draw_frame(FRAME, outputs)
    return plain_marks(drawn.marks, drawn.frame.shape[:2])


def corners(path: str) -> np.ndarray:
    return np.array([float(number) for number in re.findall(r"[\d.]+", path)]).reshape(-1, 2)  # x, y


def disc(radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:300, :400]
    return ((rows - 150) ** 2 + (columns - 200) ** 2 < radius**2).astype(np.uint8)


def test_the_line_round_a_mask_runs_along_its_edge_with_few_corners():
    [line] = marks_of(Mask(disc(100), {1: "head"}))
    points = corners(line["d"])
    distances = np.hypot(points[:, 0] - 200.5, points[:, 1] - 150.5)
    assert np.abs(distances - 100).max() < 1.5
    assert 20 < len(points) < 200
    assert (line["c"], line["f"], line["thin"]) == ("#56b4e9", 0.07, 0)


def test_what_is_ragged_has_a_bounded_number_of_corners():
    noise = np.kron(np.random.default_rng(0).integers(0, 2, (60, 80)), np.ones((5, 5), int)).astype(np.uint8)
    [mark] = marks_of(Mask(noise, {1: "head"}))
    assert mark.get("src", "").startswith("data:image/webp;base64,") or len(corners(mark["d"])) <= MOST_CORNERS
    speckle = np.random.default_rng(0).integers(0, 2, (300, 400)).astype(np.uint8)
    [shade] = marks_of(Mask(speckle, {1: "head"}))
    assert (shade["x"], shade["y"], shade["w"], shade["h"]) == (0, 0, 400, 300)
    assert len(shade["src"]) < 200_000


def test_boxes_points_and_measured_lines_are_marks_with_their_numbers():
    boxes = Boxes(np.array([[10.0, 20.0, 50.0, 80.0]] * 2), ("cyst", "nodule"), (0.9, 0.8), ("nodule", "cyst"))
    marks = marks_of(boxes, Points(np.array([[30.0, 40.0]]), ("apex",)))
    assert [mark.get("t") for mark in marks] == [None, "1", None, "2", None]
    assert corners(marks[0]["d"]).min(axis=0).tolist() == [20, 10]
    [line, word] = marks_of(Measurement("axis", 12.3, "mm", np.array([[10.0, 10.0], [10.0, 90.0]])))
    assert (line["thin"], word["t"]) == (1, "12.3 mm")
    assert 0 <= word["x"] <= 400


def test_a_legend_names_every_mark_with_its_colour_and_form():
    square = np.array([[10.0, 10.0], [10.0, 90.0], [90.0, 90.0], [10.0, 10.0]])
    outputs = [
        Mask(disc(100), {1: "fetal_head"}),
        Measurement("circumference", 12.3, "mm", square),
        Measurement("axis", 4.5, "mm", square[:2]),
        Measurement("area", 9.0, "mm2"),  # has no line
    ]
    assert plain_legend(draw_frame(FRAME, outputs).legend) == [
        {"c": "#56b4e9", "t": "fetal head", "sign": "outline"},
        {"c": "#e69f00", "t": "circumference 12.3 mm", "sign": "ring"},
        {"c": "#f0e442", "t": "axis 4.5 mm", "sign": "line"},
    ]


@pytest.mark.parametrize("values", [np.zeros((300, 400), np.uint8), np.ones((300, 400), np.uint8)])
def test_nothing_and_everything_are_drawn(values):
    assert len(marks_of(Mask(values, {1: "head"}))) == int(values.any())


def test_a_class_activation_map_is_a_shade_that_is_called_no_outline():
    evidence = np.full((300, 400), -1.0, np.float32)
    evidence[100:200, 50:150] = 2.0
    [shade] = marks_of(ClassActivation("pathology", "malignant", evidence))
    [key] = plain_legend(draw_frame(FRAME, [ClassActivation("pathology", "malignant", evidence)]).legend)
    assert (shade["x"], shade["y"], shade["w"], shade["h"]) == (50, 100, 100, 100)
    assert key == {
        "c": "#d55e00",
        "t": "evidence for malignant (class activation map, not an outline)",
        "sign": "shade",
    }


def test_evidence_fades_without_steps_in_few_bytes():
    evidence = np.linspace(0, 3, 400, dtype=np.float32)[None].repeat(300, axis=0)
    [shade] = marks_of(ClassActivation("pathology", "malignant", evidence))
    with Image.open(BytesIO(base64.b64decode(shade["src"].partition(",")[2]))) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[10, :, 3].astype(int)
    assert np.diff(alpha).min() >= 0
    assert np.diff(alpha).max() <= 4
    assert len(shade["src"]) < 4000


def test_a_class_that_nothing_speaks_for_is_said_to_be_nowhere():
    drawn = draw_frame(FRAME, [ClassActivation("pathology", "malignant", np.full((300, 400), np.nan, np.float32))])
    assert (drawn.marks, drawn.frame.any()) == ((), False)
    assert [key.words for key in drawn.legend] == [
        "evidence for malignant (class activation map, not an outline): nowhere"
    ]
