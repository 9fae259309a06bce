"""Masks beside drawn masks: Dice, overlap, distance of the outlines, and what was missed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.drawn import drawn_at
from echocare_core.assessment.kinds.question import Measure, Question, Unscored, lost, only_row
from echocare_core.evaluation.averages import mean_of, share_true
from echocare_core.evaluation.mask_scores import Mask, dice, hausdorff_95_mm, iou
from echocare_core.transforms.mask import read_mask


class MaskQuestion(Question):
    """Masks of a segmentation.

    Args:
        labels: name of each value of a mask.
        results: folder that the files of results are relative to.
        table: folder that the masks of labels are relative to.
        threshold: of drawn masks; see `read_mask`.
    """

    kind = "Mask"
    rule = "A drawn mask speaks of one frame; it is compared with the mask of that frame, at the size of the frame."
    one_frame = True

    def __init__(self, labels: Mapping[int, str], results: Path, table: Path, threshold: int | None = None) -> None:
        super().__init__("mask")
        self.labels, self.results, self.table, self.threshold = labels, results, table, threshold
        self.worst = (f"dice_{next(iter(labels.values()))}", False)

    def is_labelled(self, case: Case) -> bool:
        """Whether a mask was drawn."""
        return bool(case.cell("mask"))

    def score(self, case: Case) -> dict[str, object]:
        """Dice, overlap and distance of each label."""
        row = only_row(case, "a mask speaks")
        if not row.get("mask"):
            spoken = (
                "" if row["level"] == "frame" else f", which speak of the {row['level']}; name a frame in the labels"
            )
            raise Unscored(f"it has no mask in the results{spoken}")
        predicted = self._predicted(row)
        drawn = self._read(case, predicted.shape)
        spacing = _spacing(row)
        found: dict[str, object] = {}
        for value, name in self.labels.items():
            found |= compare_masks(predicted == value, drawn == value, name, spacing)
        return found

    def both(self, case: Case) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The predicted and the drawn mask of a case that was scored, each uint8 (height, width)."""
        predicted = self._predicted(case.rows[0])
        return predicted, self._read(case, predicted.shape)

    def _predicted(self, row: Mapping[str, str]) -> NDArray[np.uint8]:
        path = self.results / row["mask"]
        try:
            with Image.open(path) as picture:
                return np.asarray(picture)
        except OSError:
            raise lost(path) from None

    def _read(self, case: Case, size: tuple[int, ...]) -> NDArray[np.uint8]:
        drawn = drawn_at(case, self.table)
        return read_mask(drawn.path, size, max(self.labels) + 1, self.threshold, drawn.frame, drawn.image)

    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """Means of Dice, overlap and distance; the share of drawn ones of which nothing was found."""
        found: list[Measure] = []
        for name in self.labels.values():
            words = name.replace("_", " ")
            found += [
                Measure(f"dice_{name}", f"Dice, {words}", mean_of(f"dice_{name}"), headline=True),
                Measure(f"iou_{name}", f"Overlap (IoU), {words}", mean_of(f"iou_{name}")),
                Measure(f"missed_{name}", f"Missed wholly, {words}", share_true(f"missed_{name}"), "lower"),
            ]
            for unit in ("mm", "px"):
                if f"hd95_{name}_{unit}" in rows and rows[f"hd95_{name}_{unit}"].notna().any():
                    statistic = mean_of(f"hd95_{name}_{unit}", unit)
                    found.append(
                        Measure(f"hd95_{name}_{unit}", f"Outline distance (HD95), {words}", statistic, "lower")
                    )
        return found


def compare_masks(predicted: Mask, drawn: Mask, name: str, spacing: tuple[float, float] | None) -> dict[str, object]:
    """What two masks of one label have in common.

    Args:
        predicted: bool (height, width).
        drawn: the same.
        name: of the label.
        spacing: (row, column) mm per pixel; None where that is not known.

    Returns:
        `dice_NAME`, `iou_NAME`, `missed_NAME` (1 where it was drawn and no pixel of it was found; nan where none was
        drawn), and `hd95_NAME_mm` or `_px`, the 95th percentile of the distances between both outlines.
    """
    unit = "mm" if spacing else "px"
    return {
        f"dice_{name}": dice(predicted, drawn),
        f"iou_{name}": iou(predicted, drawn),
        f"missed_{name}": float(not (predicted & drawn).any()) if drawn.any() else math.nan,
        f"hd95_{name}_{unit}": hausdorff_95_mm(predicted, drawn, spacing or (1.0, 1.0)),
    }


def _spacing(row: Mapping[str, str]) -> tuple[float, float] | None:
    down, across = row.get("spacing_row_mm", ""), row.get("spacing_column_mm", "")
    return (float(down), float(across)) if down and across else None
