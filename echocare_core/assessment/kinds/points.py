"""Points beside points that a person set: how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.question import Measure, Question, Unscored, only_row
from echocare_core.assessment.matching import CLASSES, Matcher
from echocare_core.errors import TableError
from echocare_core.evaluation.averages import mean_of

PLACE = ("row_px", "column_px")


class PointQuestion(Question):
    """All landmarks of a frame.

    Args:
        points: rows of `points.csv`.
    """

    kind = "Points"
    rule = "Points speak of one frame; each is compared with the one of the same name."
    one_frame = True

    def __init__(self, points: Sequence[Mapping[str, str]]) -> None:
        super().__init__("points")
        self.names = tuple(dict.fromkeys(point["point"] for point in points))
        self._matcher = Matcher(self.names, CLASSES)
        self._points = {(point["source"], point["frame"], point["point"]): point for point in points}
        self.worst = ("points_distance_px", True)

    def is_labelled(self, case: Case) -> bool:
        """Whether a point was set."""
        return any(label.get("point") for label in case.labels)

    def score(self, case: Case) -> dict[str, object]:
        """The mean distance of the points that were found, in pixels and, where calibrated, in mm; share found."""
        row = only_row(case, "points speak")
        labels = [label for label in case.labels if label.get("point") and any(map(label.get, PLACE))]
        if not labels:
            raise Unscored("no point was set in it")
        _check_once([self._named(label["point"]) for label in labels])
        away = np.array([self._distance(label, row) for label in labels])
        known = ~np.isnan(away).any(axis=1)
        spacing = [float(row.get(f"spacing_{name}_mm") or "nan") for name in ("row", "column")]
        px, mm = (np.hypot(*(away[known] * scale).T) for scale in (1.0, np.array(spacing)))
        return {
            "points_distance_px": float(px.mean()) if known.any() else float("nan"),
            "points_distance_mm": float(mm.mean()) if known.any() else float("nan"),
            "points_found": float(known.mean()),
        }

    def _named(self, point: str) -> str:
        return self._matcher.of_bundle(point, f"a point '{point}'")

    def _distance(self, label: Mapping[str, str], row: Mapping[str, str]) -> tuple[float, float]:
        place = self._points.get((row["source"], row["frame"], self._named(label["point"])), {})
        down, across = (float(place.get(name) or "nan") - _pixels(label.get(name, "")) for name in PLACE)
        return down, across

    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """Mean distance, and the share of points that were found."""
        units = [unit for unit in ("mm", "px") if rows[f"points_distance_{unit}"].notna().any()]
        distances = [
            Measure(f"points_distance_{unit}", "Distance of points, mean", mean_of(f"points_distance_{unit}", unit),
                    "lower", number == 0)
            for number, unit in enumerate(units)
        ]  # fmt: skip
        return (*distances, Measure("points_found", "Points found", mean_of("points_found")))


def _pixels(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TableError(
            f"has a point at '{cell}', needed a number of pixels in both {' and '.join(PLACE)}, or in none"
        )
    return number


def _check_once(points: Sequence[str]) -> None:
    twice = [name for name in dict.fromkeys(points) if points.count(name) > 1]
    if twice:
        raise TableError(f"has the point {twice[0]} twice in one frame; needed it once")
