"""Boxes in the results: how many of each class in the table, one row each in a table of their own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Boxes

BOX_COLUMNS = {"label": str, **dict.fromkeys(("score", "top_px", "left_px", "bottom_px", "right_px"), float)}


def boxes_fault(boxes: Boxes, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with boxes, in words; None where nothing is."""
    corners, found = boxes.corners_px, len(boxes.labels)
    if corners.shape != (found, 4) or len(boxes.scores) != found:
        return f"corners {corners.shape}, {found} labels and {len(boxes.scores)} scores; needed (n, 4), n and n"
    if not np.isfinite(corners).all():
        return "a corner that is no number; needed four finite numbers each"
    if (corners[:, :2] >= corners[:, 2:]).any():
        return "one that ends before it begins; needed (top, left, bottom, right)"
    if not all(0 <= score <= 1 for score in boxes.scores):
        return f"a confidence of {next(s for s in boxes.scores if not 0 <= s <= 1):g}; needed 0 to 1"
    unknown = [label for label in boxes.labels if label not in boxes.classes]
    return f"one labelled {unknown[0]}; needed one of {', '.join(boxes.classes) or 'its classes'}" if unknown else None


def write_boxes(boxes: Boxes, place: Place) -> Entries:
    """Count the boxes of each class that was looked for."""
    return Entries({f"{name}_boxes_count": boxes.labels.count(name) for name in boxes.classes})


def list_boxes(boxes: Boxes) -> Iterator[tuple[object, ...]]:
    """One row of `BOX_COLUMNS` for each box."""
    for corners, label, score in zip(boxes.corners_px, boxes.labels, boxes.scores, strict=True):
        yield label, float(score), *(float(edge) for edge in corners)
