"""Points in the results: how many were found in the table, one row each in a table of their own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echocare_core.results.table.cells import finite
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Points

POINT_COLUMNS = {"point": str, "row_px": float, "column_px": float, "confidence": float}


def points_fault(points: Points, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with points, in words; None where nothing is."""
    if points.positions_px.shape != (len(points.names), 2):
        return f"positions {points.positions_px.shape} and {len(points.names)} names; needed (n, 2) and n"
    if len(set(points.names)) < len(points.names):
        return f"the names {', '.join(points.names)}; needed one of its own for each"
    if np.isinf(points.positions_px).any():
        return "an endless position; needed pixels, or nan where it was not found"
    if points.confidences and len(points.confidences) != len(points.names):
        return f"{len(points.confidences)} confidences for {len(points.names)} points; needed one of each, or none"
    if not all(0 <= confidence <= 1 for confidence in points.confidences):
        return f"a confidence of {next(one for one in points.confidences if not 0 <= one <= 1):g}; needed 0 to 1"
    return None


def write_points(points: Points, place: Place) -> Entries:
    """Count the points that were found."""
    return Entries({"points_count": int((~np.isnan(points.positions_px).any(axis=1)).sum())})


def list_points(points: Points) -> Iterator[tuple[object, ...]]:
    """One row of `POINT_COLUMNS` for each point; the place of one that was not found is blank."""
    confidences = points.confidences or [None] * len(points.names)
    for name, (row, column), confidence in zip(points.names, points.positions_px, confidences, strict=True):
        yield name, finite(row), finite(column), finite(confidence)
