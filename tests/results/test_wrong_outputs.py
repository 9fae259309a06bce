"""What a bundle gives by mistake is one sentence that names the bundle and the kind, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from echocare_core.errors import BundleError
from echocare_core.results import ResultsWriter
from echocare_core.types import Boxes, Mask, Measurement, OperatingPoint, Picture, Points, Scores, Text

CLASSES = ("cyst",)
EMPTY = Mask(np.zeros((60, 80), np.uint8), {})
BOX = np.array([[10.0, 10.0, 20.0, 20.0]])


@dataclass(frozen=True)
class Unheard:
    name: str


WRONG = {
    "a mask of another size": (
        Mask(np.zeros((80, 60), np.uint8), {}),
        "Mask: 80x60 px for a frame of 60x80 px; needed the same size",
    ),
    "a mask of numbers with a point": (Mask(np.zeros((60, 80)), {}), "Mask: values float64"),
    "a box that is no number": (Boxes(BOX * np.nan, CLASSES, (0.5,), CLASSES), "Boxes: a corner that is no number"),
    "a box from bottom to top": (
        Boxes(BOX[:, ::-1], CLASSES, (0.5,), CLASSES),
        "Boxes: one that ends before it begins",
    ),
    "a box of an unknown class": (
        Boxes(BOX, ("mass",), (0.5,), CLASSES),
        "Boxes: one labelled mass; needed one of cyst",
    ),
    "a box without a score": (Boxes(BOX, CLASSES, (), CLASSES), r"Boxes: corners \(1, 4\), 1 labels and 0 scores"),
    "a confidence above one": (Boxes(BOX, CLASSES, (1.5,), CLASSES), "Boxes: a confidence of 1.5; needed 0 to 1"),
    "two points of one name": (Points(np.zeros((2, 2)), ("a", "a")), "Points: the names a, a; needed one of its own"),
    "points without names": (Points(np.zeros((2, 2)), ("a",)), r"Points: positions \(2, 2\) and 1 names"),
    "an endless point": (Points(np.full((1, 2), np.inf), ("a",)), "Points: an endless position"),
    "fewer confidences than points": (
        Points(np.zeros((2, 2)), ("a", "b"), (0.5,)),
        "Points: 1 confidences for 2 points; needed one of each, or none",
    ),
    "a confidence of a point above one": (
        Points(np.zeros((1, 2)), ("a",), (1.5,)),
        "Points: a confidence of 1.5; needed 0 to 1",
    ),
    "a probability above one": (
        Scores("birads", {"3": 1.2, "4": 0.1}),
        "Scores: birads 3 1.2; needed a probability of 0 to 1",
    ),
    "a probability that is no number": (Scores("birads", {"3": np.nan, "4": 0.1}), "Scores: birads 3 nan"),
    "no class": (Scores("birads", {}), "Scores: birads with no class; needed two classes at least"),
    "one class whose operating point is not reached": (
        Scores("birads", {"3": 0.2}, OperatingPoint("3", 0.5)),
        "Scores: birads with 3; needed two classes at least",
    ),
    "probabilities of more than one together": (
        Scores("birads", {"3": 0.9, "4": 0.9}),
        "Scores: birads with probabilities that add up to 1.8; needed 1",
    ),
    "an operating point that no probability reaches": (
        Scores("birads", {"3": 0.5, "4": 0.5}, OperatingPoint("3", 7)),
        "Scores: birads with an operating point at 7; needed a probability of 0 to 1",
    ),
    "an operating point that is no number": (
        Scores("birads", {"3": 0.5, "4": 0.5}, OperatingPoint("3", np.nan)),
        "Scores: birads with an operating point at nan",
    ),
    "an operating point for no class": (
        Scores("pathology", {"benign": 0.9, "normal": 0.1}, OperatingPoint("malignant", 0.5)),
        r"Scores: pathology with an operating point for malignant; needed one of its classes \(benign, normal\)",
    ),
    "a grey picture": (Picture("enhanced", np.zeros((60, 80), np.uint8)), r"Picture: enhanced uint8 \(60, 80\)"),
    "a number without a unit": (Measurement("area", 1.0, ""), "Measurement: area without a unit"),
    "a kind that nobody knows": (Unheard("x"), "gave Unheard; needed one of Mask, Boxes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_output_is_one_sentence(case: str, tmp_path: Path, card, frame_of) -> None:
    output, words = WRONG[case]

    with pytest.raises(BundleError, match=words) as caught, ResultsWriter(tmp_path / "out", card) as writer:
        writer.add(frame_of(outputs=(output,)))

    assert str(caught.value).startswith("lesion_bundle gave")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


TWICE = {
    "two texts of one name": (
        (Text("report", "a"), Text("report", "b")),
        "gave Text the column report_file, which a Text",
    ),
    "two masks": ((EMPTY, EMPTY), "gave Mask the column mask, which a Mask before it has"),
    "a question called source": (
        (Scores("source", {"a": 1.0, "b": 0.0}),),
        "gave Scores the column source, which every row has",
    ),
    "a score and a number": (
        (Scores("a", {"b": 1.0, "c": 0.0}), Measurement("a_b", 1.0, "probability")),
        "gave Measurement the column a_b_probability",
    ),
}


NO_COLUMN = {
    "a question called mask": (
        Scores("mask", {"a": 1.0, "b": 0.0}),
        "gave Scores the column mask, which names files; needed another name for a value. Rename the output.",
    ),
    "a question called like a file": (
        Scores("lesion_file", {"a": 1.0, "b": 0.0}),
        "gave Scores the column lesion_file, which names files",
    ),
    "a number called like a file": (Measurement("report", 1.0, "file"), "the column report_file, which names"),
    "a text without a name": (Text("", "a"), "gave Text the column _file, which is no name; needed letters, digits"),
    "a picture called like a path": (
        Picture("../x", np.zeros((60, 80, 3), np.uint8)),
        "gave Picture the column ../x_file, which is no name",
    ),
    "a formula": (Measurement("=1+1", 1.0, "mm"), r"gave Measurement the column =1\+1_mm, which is no name"),
}


@pytest.mark.parametrize("case", NO_COLUMN)
def test_a_name_that_makes_no_column_of_its_kind_is_refused(case: str, tmp_path: Path, card, frame_of) -> None:
    output, words = NO_COLUMN[case]

    with pytest.raises(BundleError, match=words), ResultsWriter(tmp_path / "out", card) as writer:
        writer.add(frame_of(outputs=(output,)))

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", TWICE)
def test_two_outputs_never_share_a_column(case: str, tmp_path: Path, card, frame_of) -> None:
    outputs, words = TWICE[case]

    with pytest.raises(BundleError, match=words), ResultsWriter(tmp_path / "out", card) as writer:
        writer.add(frame_of(outputs=outputs))

    assert not (tmp_path / "out").exists()
