"""Boxes beside true ones: which of them find something, average precision and the FROC curve.

A table has a row per image with `group` and what `match_boxes` gives: `box_scores`, `box_hits` and `true_boxes`. With
several classes and overlaps it has what `match_classes` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.statistic import Numbers, Statistic, ratio

COCO_OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of which AP@[.5:.95] is the mean (Lin 2014)
FALSE_ALARMS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # per image, where LUNA16 reads the curve (Setio et al. 2017)
_COLUMNS = ("box_scores", "box_hits", "true_boxes")


def box_iou(boxes: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of each box with each other one: (boxes, others), 0 where both have no area.

    Args:
        boxes: (boxes, 4) top, left, bottom, right, in pixels.
        others: (others, 4).
    """
    first, second = np.asarray(boxes, float).reshape(-1, 1, 4), np.asarray(others, float).reshape(1, -1, 4)
    corner, opposite = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    shared = np.prod(np.clip(opposite - corner, 0, None), axis=-1)
    areas = [np.prod(np.clip(some[..., 2:] - some[..., :2], 0, None), axis=-1) for some in (first, second)]
    return ratio(shared, areas[0] + areas[1] - shared) if shared.size else shared


def match_boxes(
    boxes: NDArray[np.floating], scores: Sequence[float], true: NDArray[np.floating], *, least_iou: float
) -> dict[str, Any]:
    """Which boxes of an image find a true one: the surest first, each takes the free true box it overlaps most (COCO).

    Args:
        boxes: (boxes, 4) top, left, bottom, right.
        scores: confidence of each.
        true: (true boxes, 4).
        least_iou: overlap from which on a true box is found, such as 0.5.

    Returns:
        A row's columns: `box_scores` float (boxes,), `box_hits` bool (boxes,) and `true_boxes`, their number.
    """
    overlap = box_iou(boxes, true)
    hits = np.zeros(len(scores), dtype=bool)
    for box in np.argsort(-np.asarray(scores, float), kind="stable"):
        if overlap.shape[1] and overlap[box].max() >= least_iou:
            hits[box] = True
            overlap[:, overlap[box].argmax()] = -1
    return {"box_scores": np.asarray(scores, float), "box_hits": hits, "true_boxes": overlap.shape[1]}


def match_classes(
    boxes: NDArray[np.floating],
    scores: Sequence[float] | NDArray[np.floating],
    labels: Sequence[str],
    true: NDArray[np.floating],
    true_labels: Sequence[str],
    *,
    classes: Sequence[str],
    overlaps: Sequence[float] = COCO_OVERLAPS,
) -> dict[str, Any]:
    """`match_boxes` for each class by itself, at several overlaps.

    Args:
        boxes, scores, true: as there.
        labels: class of each box.
        true_labels: of each true box.
        classes: names of all.
        overlaps: from which on a true box is found.

    Returns:
        A row's columns: `CLASS_box_scores` float (boxes,), `CLASS_box_hits` bool (overlaps, boxes) and
        `CLASS_true_boxes` of each class.
    """
    columns: dict[str, Any] = {}
    for name in classes:
        mine, drawn = np.array([one == name for one in labels], bool), np.array([o == name for o in true_labels], bool)
        own = np.asarray(boxes, float).reshape(-1, 4)[mine], np.asarray(scores, float)[mine]
        wanted = np.asarray(true, float).reshape(-1, 4)[drawn]
        found = [match_boxes(*own, wanted, least_iou=overlap) for overlap in overlaps]
        columns[f"{name}_box_scores"] = own[1]
        columns[f"{name}_box_hits"] = np.array([one["box_hits"] for one in found], bool)
        columns[f"{name}_true_boxes"] = int(drawn.sum())
    return columns


def mean_average_precision(classes: Sequence[str], overlaps: Sequence[int]) -> Statistic:
    """Mean of average precision over overlaps and over those classes of which there are true boxes.

    COCO's number but for one thing: the curve is taken as it is, not at 101 recalls.

    Args:
        classes: of rows of `match_classes`.
        overlaps: their numbers, in the order of `match_classes`.
    """

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        means = [
            np.mean([_average_precision(_of_class(rows, name, overlap), counts) for overlap in overlaps], axis=0)
            for name in classes
        ]
        known = np.isfinite(means)
        return ratio(np.where(known, means, 0.0).sum(axis=0), known.sum(axis=0).astype(float))

    columns = tuple(f"{name}{column}" for name in classes for column in ("_box_scores", "_box_hits", "_true_boxes"))
    return Statistic("mean average precision", values, columns, kind="bounded", without="there is no true box")


def _of_class(rows: pd.DataFrame, name: str, overlap: int) -> pd.DataFrame:
    """Rows as `match_boxes` gives them, of one class and overlap."""
    hits = [found[overlap] for found in rows[f"{name}_box_hits"]]
    columns = {"box_scores": list(rows[f"{name}_box_scores"]), "box_hits": hits}
    return pd.DataFrame({**columns, "true_boxes": rows[f"{name}_true_boxes"].to_numpy()})


def _average_precision(rows: pd.DataFrame, counts: Numbers) -> Numbers:
    """Area under precision over recall, precision being the best at that recall or more (Everingham 2010, VOC)."""
    hits, alarms, true = _found(rows, counts)
    found = np.cumsum(hits, axis=1)
    precision = np.nan_to_num(ratio(found, found + np.cumsum(alarms, axis=1)))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return ratio((best * hits).sum(axis=1), true)


def sensitivity_at(false_alarms: float) -> Statistic:
    """Share of true boxes that are found when no more than so many boxes per image find nothing, 0 to 1."""

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        hits, alarms, true = _found(rows, counts)
        allowed = np.cumsum(alarms, axis=1) <= false_alarms * counts.sum(axis=1, keepdims=True)
        return ratio((np.cumsum(hits, axis=1) * allowed).max(axis=1, initial=0), true)

    name = f"sensitivity at {false_alarms:g} false alarms per image"
    return Statistic(name, values, _COLUMNS, kind="bounded", without="there is no true box")


def froc(rows: pd.DataFrame, false_alarms: Sequence[float] = FALSE_ALARMS) -> dict[float, Estimate]:
    """The free-response curve: sensitivity with its interval at each number of false alarms per image."""
    return {number: estimate(rows, sensitivity_at(number)) for number in false_alarms}


def _found(rows: pd.DataFrame, counts: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Hits and false alarms at each score, the surest first (resamples, scores), and true boxes (resamples,)."""
    owner = np.repeat(np.arange(len(rows)), rows["box_scores"].map(len))
    scores, hits = (np.concatenate([*rows[column], []]).astype(float) for column in ("box_scores", "box_hits"))
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(-scores[order], prepend=-np.inf))
    drawn, hits = counts[:, owner[order]], hits[order]
    true = counts @ rows["true_boxes"].to_numpy(float)
    if not len(starts):
        return drawn, drawn, true
    return np.add.reduceat(drawn * hits, starts, axis=1), np.add.reduceat(drawn * (1 - hits), starts, axis=1), true


DETECTION_PRECISION = Statistic(
    "average precision", _average_precision, _COLUMNS, kind="bounded", without="there is no true box"
)
