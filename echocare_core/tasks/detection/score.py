"""How good boxes are: mean average precision in a validation; with intervals, and at the operating point, after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from ignite.metrics import Metric
from monai.utils import convert_to_numpy
from numpy.typing import NDArray

from echocare_core.distributed import all_gather_lists
from echocare_core.evaluation.averages import mean_of, quotient
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.boxes import COCO_OVERLAPS, match_boxes, match_classes, mean_average_precision
from echocare_core.evaluation.estimate import estimate
from echocare_core.evaluation.statistic import Statistic
from echocare_core.outputs import only_output
from echocare_core.tasks.classification import as_summary
from echocare_core.tasks.detection.answer import CLASS, SCORE, BoxChoice
from echocare_core.tasks.detection.coding import as_targets
from echocare_core.tasks.detection.truth import Drawing
from echocare_core.transforms.mask import read_mask
from echocare_core.transforms.of_image import of_loaded
from echocare_core.types import Boxes

EVERY_OVERLAP, SAME = range(len(COCO_OVERLAPS)), COCO_OVERLAPS[0]


class MeanAveragePrecision(Metric):
    """The key metric of a validation: mean average precision at overlaps (IoU) of 0.5 to 0.95, over the classes.

    Of items with `pred`, the output of a `DetectionNetwork`, and `label` as `DetectionLoss` takes it; boxes are
    compared as the network sees them.

    Args:
        choice: which boxes the output has.
    """

    def __init__(self, choice: BoxChoice) -> None:
        self.choice = choice
        self.rows: list[dict[str, Any]] = []
        super().__init__()

    def reset(self) -> None:
        """Forget what was seen."""
        self.rows = []

    def update(self, output: Sequence[Mapping[str, Any]]) -> None:
        """Compare the boxes of the items of a batch."""
        classes = self.choice.classes
        for item in output:
            [true] = as_targets(item["label"][None].cpu())
            drawn = [classes[number] for number in true["labels"].tolist()]
            self.rows.append(_matched(self.choice(item["pred"]).numpy(), classes, true["boxes"].numpy(), drawn))

    def compute(self) -> float:
        """The number, of the items of all processes; 0 where none has a box."""
        rows = pd.DataFrame(all_gather_lists(self.rows))
        number = mean_average_precision(self.choice.classes, EVERY_OVERLAP).values(rows, np.ones((1, len(rows))))[0]
        return float(np.nan_to_num(number))


def score_boxes(item: Mapping[str, Any], *, drawing: Drawing) -> dict[str, Any]:
    """Compare boxes with those of the drawn mask, in pixels of the recorded frame; for `WriteEvaluation`.

    Args:
        item: as `DetectionOutputd` leaves it, with `mask`, the path of the drawn one, and the drawing's column.
        drawing: how boxes follow from the mask.

    Returns:
        Of the answers, as `echocare evaluate` counts them at an overlap of one half: `boxes_drawn`, `boxes_given`,
        `boxes_found` and `boxes_false`; and of the candidates what `match_classes` gives.

    Raises:
        TableError: a mask that cannot be read or has another size, or structures that are no classes.
    """
    drawn = drawn_boxes(item, drawing=drawing)
    true = np.array([[row[name] for name in CORNERS] for row in drawn], float).reshape(-1, 4)
    labels = [str(row["label"]) for row in drawn]
    answer = only_output(item["outputs"], Boxes, "The score of boxes")
    hits = [_found(answer, true, labels, name) for name in drawing.classes]
    given, found = len(answer.labels), sum(hits)
    counts = {"boxes_drawn": len(true), "boxes_given": given, "boxes_found": found, "boxes_false": given - found}
    return {**counts, **_matched(convert_to_numpy(item["pred"]), drawing.classes, true, labels)}


CORNERS = ("top_px", "left_px", "bottom_px", "right_px")


def drawn_boxes(item: Mapping[str, Any], *, drawing: Drawing) -> list[dict[str, object]]:
    """The boxes of an item's drawn mask, as rows of labels that `echocare evaluate` takes.

    Args, Raises: as for `score_boxes`.
    """
    structures = drawing.structures(item)
    size, frame = tuple(int(side) for side in item["image"].meta["recorded_size"]), int(item.get("frame") or 0)
    mask = read_mask(item["mask"], size, len(structures) + 1, None, frame, of_loaded(item["image"]))
    return [{"label": name, **dict(zip(CORNERS, box, strict=True))} for name, box in drawing.boxes(mask, structures)]


def summarise_boxes(rows: pd.DataFrame, *, classes: Sequence[str]) -> dict[str, Summary]:
    """Numbers with their intervals over groups.

    Args:
        rows: from `score_boxes`, with `group`.
        classes: names of the classes.

    Returns:
        Mean average precision over overlaps of 0.5 to 0.95 and at 0.5, of all classes and of each; and at the operating
        point the share of boxes found, of given boxes that are right, and false boxes per image.
    """
    statistics: dict[str, Statistic] = {}
    for ending, overlaps in (("", EVERY_OVERLAP), ("_50", range(1))):
        statistics[f"mean_average_precision{ending}"] = mean_average_precision(classes, overlaps)
        statistics |= {f"average_precision{ending}_{one}": mean_average_precision([one], overlaps) for one in classes}
    statistics |= {
        "boxes_sensitivity": quotient("the share of boxes found", "boxes_found", "boxes_drawn"),
        "boxes_precision": quotient("the share of boxes that are right", "boxes_found", "boxes_given"),
        "boxes_false_per_image": mean_of("boxes_false"),
    }
    return {name: as_summary(estimate(rows, one)) for name, one in statistics.items()}


def _matched(
    candidates: NDArray[np.floating], classes: Sequence[str], true: NDArray[np.floating], labels: Sequence[str]
) -> dict[str, Any]:
    names = [classes[int(one)] for one in candidates[:, CLASS]]
    return match_classes(candidates[:, :SCORE], candidates[:, SCORE], names, true, labels, classes=classes)


def _found(answer: Boxes, true: NDArray[np.floating], labels: Sequence[str], name: str) -> int:
    """How many drawn boxes of a class the answers find."""
    mine = [place for place, label in enumerate(answer.labels) if label == name]
    drawn = true[[label == name for label in labels]]
    scores = [answer.scores[place] for place in mine]
    return int(match_boxes(answer.corners_px[mine], scores, drawn, least_iou=SAME)["box_hits"].sum())
