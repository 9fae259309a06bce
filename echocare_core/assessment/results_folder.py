"""The results of a run, read back from its folder: rows as text, and what their columns say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from echocare_core.counting import enumerated
from echocare_core.errors import OutputError
from echocare_core.frames.manifest import read_csv
from echocare_core.result_files import BOXES, ORIGIN_JSON, POINTS, RESULTS_CSV, SET_ASIDE_CSV
from echocare_core.results.table import is_results_csv
from echocare_core.types import OperatingPoint, Scores

PROBABILITY, THRESHOLD = "_probability", "_threshold"
UIDS = ("sop_instance_uid", "series_instance_uid", "study_instance_uid")


@dataclass(frozen=True)
class ResultsFolder:
    """What a run left.

    Attributes:
        folder: of the results.
        rows: of `results.csv`, as text, "" where empty; `level` and `study` stand in every row.
        origin: of `origin.json`; empty where there is none.
        listed: rows of `boxes.csv` and `points.csv`, by their names.
    """

    folder: Path
    rows: pd.DataFrame
    origin: Mapping[str, Any] = field(default_factory=dict)
    listed: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def bundle(self) -> str:
        """Name of the bundle that made them; "" where there are no rows."""
        return str(self.rows["bundle"].iloc[0]) if len(self.rows) else ""

    @property
    def questions(self) -> dict[str, tuple[str, ...]]:
        """Names of the classes of each question that scores answer."""
        return questions_of([str(column) for column in self.rows.columns])


def read_results(folder: str | Path) -> ResultsFolder:
    """Read a results folder.

    Raises:
        OutputError: it holds no `results.csv` of this package, one without rows, or of several bundles.
    """
    path = Path(folder)
    if not is_results_csv(path / RESULTS_CSV):
        raise OutputError(f"{path} holds no {RESULTS_CSV} of a run; needed the results of `echocare predict`. Name it.")
    rows = _read_cells(path / RESULTS_CSV)
    bundles = sorted(set(rows["bundle"]))
    if len(bundles) != 1:
        found = enumerated(bundles) or "no row"
        raise OutputError(f"{path / RESULTS_CSV} has results of {found}; needed those of one bundle. Name its folder.")
    if "level" not in rows:
        rows["level"] = "frame"
    if "study" not in rows:
        rows["study"] = ""
    listed = {name: _read_cells(table) for name in (BOXES, POINTS) if (table := _table(path, name))}
    return ResultsFolder(path, rows, _read_origin(path / ORIGIN_JSON), listed)


def _read_origin(path: Path) -> Mapping[str, Any]:
    """How results were made; empty where that stands nowhere.

    Raises:
        OutputError: it is damaged.
    """
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise OutputError(f"{path} is damaged; needed it as the run left it. Copy the whole folder again.")
    return found


def questions_of(columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The questions among columns of results, with the names of their classes.

    A question NAME has its answer in a column of that name and NAME_CLASS_probability for each class. A probability
    belongs to the longest name that it begins with: that of `margin_angular` is none of `margin`.
    """
    asked = [column.removesuffix(PROBABILITY) for column in columns if column.endswith(PROBABILITY)]
    begun = {name: [one for one in asked if one.startswith(f"{name}_")] for name in columns}
    names = [name for name, ones in begun.items() if len(ones) > 1]
    owner = {one: max((name for name in names if one in begun[name]), key=len, default="") for one in asked}
    own = {name: [one for one in begun[name] if owner[one] == name] for name in names}
    return {name: tuple(one.removeprefix(f"{name}_") for one in ones) for name, ones in own.items() if len(ones) > 1}


def scores_in(row: Mapping[str, str], name: str, classes: Sequence[str]) -> Scores | None:
    """The scores of a row of results; None where it has none."""
    cells = {one: row[f"{name}_{one}{PROBABILITY}"] for one in classes}
    if not all(cells.values()):
        return None
    points = [one for one in classes if row.get(f"{name}_{one}{THRESHOLD}")]
    point = OperatingPoint(points[0], float(row[f"{name}_{points[0]}{THRESHOLD}"])) if points else None
    return Scores(name, {one: float(cell) for one, cell in cells.items()}, point)


def _table(folder: Path, name: str) -> Path | None:
    found = [folder / f"{name}.{form}" for form in ("csv", "parquet") if (folder / f"{name}.{form}").is_file()]
    return found[0] if found else None


def _read_cells(path: Path) -> pd.DataFrame:
    rows = read_csv(path, ()).drop(columns="image_in_table", errors="ignore")
    for column in ("source", "image"):
        if column in rows:
            rows[column] = rows[column].str.removeprefix("./")
    return rows


def read_set_aside(folder: Path) -> dict[str, str]:
    """Source -> why a run did not use the whole of it."""
    path = folder / SET_ASIDE_CSV
    if not path.is_file():
        return {}
    return {row["source"]: row["reason"] for row in _read_cells(path).to_dict("records") if not row["frame"]}
