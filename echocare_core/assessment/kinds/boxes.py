"""Boxes beside drawn boxes: found, missed and false, at an overlap (IoU) of one half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.question import Measure, Question, only_row
from echocare_core.assessment.matching import CLASSES, Matcher
from echocare_core.errors import TableError
from echocare_core.evaluation.averages import mean_of, quotient
from echocare_core.evaluation.boxes import DETECTION_PRECISION, match_boxes

CORNERS = ("top_px", "left_px", "bottom_px", "right_px")
Corners = NDArray[np.float64]
SAME = 0.5  # overlap from which on two boxes show the same


class BoxQuestion(Question):
    """All boxes of a frame.

    Args:
        boxes: rows of `boxes.csv`.
        classes: names that boxes may have.
    """

    kind = "Boxes"
    rule = "Boxes speak of one frame. A box is found where one of its class covers it (IoU 0.5)."
    one_frame = True

    def __init__(self, boxes: Sequence[Mapping[str, str]], classes: Sequence[str]) -> None:
        super().__init__("boxes")
        self.classes = tuple(classes)
        self._matcher = Matcher(self.classes, CLASSES)
        self._boxes: dict[tuple[str, str], list[Mapping[str, str]]] = {}
        for box in boxes:
            self._boxes.setdefault((box["source"], box["frame"]), []).append(box)
        self.worst = ("boxes_wrong", True)

    def is_labelled(self, case: Case) -> bool:
        """Always: a row without corners says that there is no box."""
        return True

    def score(self, case: Case) -> dict[str, object]:
        """How many boxes were drawn and found, how many were given for nothing, and how well they cover."""
        row = only_row(case, "boxes speak")
        drawn = [(self._class(label), _corners(label)) for label in case.labels if any(label.get(c) for c in CORNERS)]
        _check_once(drawn)
        given = [(one["label"], _corners(one), float(one["score"] or 0)) for one in self._given(row)]
        matched = [_of_class(name, given, drawn) for name in self.classes]
        hits = np.concatenate([one["box_hits"] for one in matched])
        found, true = int(hits.sum()), sum(one["true_boxes"] for one in matched)
        return {
            "boxes_drawn": float(true),
            "boxes_given": float(len(hits)),
            "boxes_found": float(found),
            "boxes_false": float(len(hits) - found),
            "boxes_wrong": float(len(hits) + true - 2 * found),
            "box_scores": np.concatenate([one["box_scores"] for one in matched]),
            "box_hits": hits,
            "true_boxes": true,
        }

    def _given(self, row: Mapping[str, str]) -> list[Mapping[str, str]]:
        return self._boxes.get((row["source"], row["frame"]), [])

    def _class(self, label: Mapping[str, str]) -> str:
        name = label.get("label", "")
        if not name and len(self.classes) == 1:
            return self.classes[0]
        return self._matcher.of_bundle(name, f"a box of '{name}'")

    def failed(self, rows: pd.DataFrame) -> pd.Series:
        """Those with a box that was missed, or given for nothing."""
        return rows["boxes_wrong"] > 0

    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """Shares of drawn boxes that were found and of given ones that are right, and false ones per image."""
        found = quotient("the share of boxes found", "boxes_found", "boxes_drawn")
        right = quotient("the share of boxes that are right", "boxes_found", "boxes_given")
        return (
            Measure("boxes_sensitivity", "Boxes found", found, "higher", True),
            Measure("boxes_precision", "Given boxes that are right", right, "higher", True),
            Measure("boxes_false_per_image", "False boxes per image", mean_of("boxes_false"), "lower", True),
            Measure("boxes_average_precision", "Average precision", DETECTION_PRECISION),
        )


def _of_class(
    name: str, given: Sequence[tuple[str, Corners, float]], drawn: Sequence[tuple[str, Corners]]
) -> dict[str, Any]:
    """`match_boxes` of the boxes of one class."""
    boxes = [(corners, score) for of, corners, score in given if of == name]
    true = np.array([corners for of, corners in drawn if of == name]).reshape(-1, 4)
    corners = np.array([one for one, _ in boxes]).reshape(-1, 4)
    return match_boxes(corners, [score for _, score in boxes], true, least_iou=SAME)


def _check_once(drawn: Sequence[tuple[str, Corners]]) -> None:
    if len({(name, *corners.tolist()) for name, corners in drawn}) < len(drawn):
        raise TableError("has the same box twice; needed it once")


def _corners(row: Mapping[str, str]) -> Corners:
    try:
        corners = np.array([float(row[name]) for name in CORNERS])
        np.asarray_chkfinite(corners)
    except (KeyError, ValueError):
        raise TableError(f"has a box whose {', '.join(CORNERS)} are not all numbers") from None
    if not (corners[:2] < corners[2:]).all():
        raise TableError("has a box that ends before it begins; needed top above bottom, left before right")
    return corners
