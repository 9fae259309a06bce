"""Points in the results: how many were found in the table, one row each in a table of their own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echocare_core.results.table.cells import finite
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import Points

POINT_COLUMNS = {"point": str, "row_px": float, "column_px": float}


def points_fault(points: Points, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with points, in words; None where nothing is."""
    if points.positions_px.shape != (len(points.names), 2):
        return f"positions {points.positions_px.shape} and {len(points.names)} names; needed (n, 2) and n"
    if len(set(points.names)) < len(points.names):
        return f"the names {', '.join(points.names)}; needed one of its own for each"
    if np.isinf(points.positions_px).any():
        return "an endless position; needed pixels, or nan where it was not found"
    return None


def write_points(points: Points, place: Place) -> Entries:
    """Count the points that were found."""
    return Entries({"points_count": int((~np.isnan(points.positions_px).any(axis=1)).sum())})


def list_points(points: Points) -> Iterator[tuple[object, ...]]:
    """One row of `POINT_COLUMNS` for each point; the place of one that was not found is blank."""
    for name, (row, column) in zip(points.names, points.positions_px, strict=True):
        yield name, finite(row), finite(column)
