"""Points on the page: where each is in a still, in how many frames each was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np

from echocare_core.results.page.entry import Entry
from echocare_core.results.page.tables import table
from echocare_core.results.wording import NOT_FOUND, name_text, probability_text
from echocare_core.types import Points


def show_points(entries: Sequence[Entry]) -> str:
    """A table of the points."""
    found = [points for entry in entries for points in entry.of(Points)]
    return _one(found[0]) if len(entries) == 1 else _several(found)


def _one(points: Points) -> str:
    heads = ["No.", "Point", "Row (px)", "Column (px)", *(["Confidence"] if points.confidences else [])]
    confidences = [[probability_text(one)] for one in points.confidences] or [[] for _ in points.names]
    rows = zip(points.names, points.positions_px, confidences, strict=True)
    return table(
        heads,
        [
            (str(number), escape(name_text(name)), *_place(row, column), *confidence)
            for number, (name, (row, column), confidence) in enumerate(rows, start=1)
        ],
    )


def _place(row: float, column: float) -> tuple[str, str]:
    return (NOT_FOUND, "") if np.isnan(row) or np.isnan(column) else (f"{row:.1f}", f"{column:.1f}")


def _several(found: Sequence[Points]) -> str:
    frames: Counter[str] = Counter()
    for points in found:
        there = ~np.isnan(points.positions_px).any(axis=1)
        frames.update({name: int(one) for name, one in zip(points.names, there, strict=True)})
    rows = [(escape(name_text(name)), f"{number} of {len(found)}") for name, number in frames.items()]
    return table(("Point", "Found in frames"), rows)
