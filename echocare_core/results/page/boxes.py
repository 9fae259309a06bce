"""Boxes on the page: every box of a still, how often each class was found in several frames."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from echocare_core.results.page.entry import Entry
from echocare_core.results.page.tables import table
from echocare_core.results.wording import name_text, number_text, probability_text, value_text
from echocare_core.types import Boxes


def show_boxes(entries: Sequence[Entry]) -> str:
    """A table; empty where no box was found in any frame."""
    found = [(entry, boxes) for entry in entries for boxes in entry.of(Boxes)]
    if not any(boxes.labels for _, boxes in found):
        return ""
    return _one(*found[0]) if len(entries) == 1 else _several([boxes for _, boxes in found])


def _one(entry: Entry, boxes: Boxes) -> str:
    heads = ("No.", "Found", "Confidence", "Height × width")
    rows = [
        (str(number), escape(name_text(label)), probability_text(score), _size(corners, entry))
        for number, (label, score, corners) in enumerate(
            zip(boxes.labels, boxes.scores, boxes.corners_px, strict=True), start=1
        )
    ]
    return table(heads, rows)


def _size(corners: Sequence[float], entry: Entry) -> str:
    """Height and width of a box, in mm where its frame is calibrated."""
    top, left, bottom, right = (float(edge) for edge in corners)
    row_mm, column_mm = entry.row["spacing_row_mm"], entry.row["spacing_column_mm"]
    if isinstance(row_mm, float) and isinstance(column_mm, float):
        return f"{number_text((bottom - top) * row_mm, 'mm')} × {value_text((right - left) * column_mm, 'mm')}"
    return f"{number_text(bottom - top, 'px')} × {value_text(right - left, 'px')}"


def _several(found: Sequence[Boxes]) -> str:
    names = list(dict.fromkeys(name for boxes in found for name in boxes.classes))
    rows = []
    for name in names:
        counts = [boxes.labels.count(name) for boxes in found]
        rows.append((escape(name_text(name)), f"{sum(map(bool, counts))} of {len(found)}", str(max(counts))))
    return table(("Found", "Frames", "Most in one frame"), rows)
