"""How well a segmentation bundle does on a table of drawn masks, with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ignite.engine import Engine, Events
from monai.utils import convert_to_numpy
from numpy.typing import NDArray

from echocare_core.atomic import replacing
from echocare_core.transforms.mask import read_mask

RESAMPLES = 2000
RESAMPLING_SEED = 0


class EvaluateSegmentation:
    """Ignite handler: compare each predicted mask with the drawn one, at the size at which it was drawn.

    At the end it prints a line per number, and writes `evaluation.csv` (one row per image) and `evaluation.json` (mean
    and 95 % interval of each number). Intervals are percentiles of a bootstrap over groups, so that the images of one
    patient are drawn together.

    Args:
        output_dir: folder for the two files; made if need be.
        labels: names of the labels 1, 2, ...
        measured: measurement columns, such as head_circumference_mm, whose absolute error against the column of the
            same name of the table is reported.
    """

    def __init__(self, output_dir: str, labels: Sequence[str], measured: Sequence[str] = ()) -> None:
        self.output_dir = Path(output_dir)
        self.labels = labels
        self.measured = measured
        self.rows: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's evaluator for each of its handlers."""
        engine.add_event_handler(Events.STARTED, lambda _: self.rows.clear())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.compare)
        engine.add_event_handler(Events.COMPLETED, self.report)

    def compare(self, engine: Engine) -> None:
        """Score the images of one iteration."""
        for row, output in zip(engine.state.batch, engine.state.output, strict=True):
            self.rows.append(self._row({**row, **output}))

    def report(self, engine: Engine) -> None:
        """Print and write the summary."""
        rows = pd.DataFrame(self.rows)
        summary = summarise(rows)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with replacing(self.output_dir / "evaluation.csv") as unfinished:
            rows.to_csv(unfinished, index=False)
        with replacing(self.output_dir / "evaluation.json") as unfinished:
            unfinished.write_text(json.dumps(_with_null(summary), indent=2) + "\n", encoding="utf-8")
        for name, number in summary.items():
            print(
                f"{name}: {number['mean']:.4f} (95 % interval {number['low']:.4f} to {number['high']:.4f}, "
                f"{number['images']} images of {number['groups']} groups)"
            )

    def _row(self, item: dict[str, Any]) -> dict[str, Any]:
        predicted = convert_to_numpy(item["pred"])[0]
        drawn = read_mask(item["mask"], predicted.shape, len(self.labels) + 1)
        row = {"image": Path(item["image"].meta["filename_or_obj"]).name, "group": item["group"]}
        for number, name in enumerate(self.labels, start=1):
            row[f"dice_{name}"] = dice(predicted == number, drawn == number)
        measurements = {measurement.column: measurement.value for measurement in item["measurements"]}
        for column in self.measured:
            row[f"{column}_error"] = abs(measurements.get(column, np.nan) - float(item[column] or "nan"))
        return row


def dice(predicted: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    """Dice coefficient 2 |A and B| / (|A| + |B|); 1 where both are empty."""
    total = int(predicted.sum()) + int(drawn.sum())
    return 2.0 * int((predicted & drawn).sum()) / total if total else 1.0


def summarise(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Mean and 95 % bootstrap interval of every numeric column, over the images where it is known.

    Args:
        rows: one per image, with `group`; a missing number (nan) is left out and shows in `images`.

    Returns:
        For each column `mean`, `low`, `high`, `images` and `groups`; nan where it is known of no image.
    """
    names = [name for name in rows.columns if name not in ("image", "group")]
    return {name: _interval(rows[["group", name]].dropna(), name) for name in names}


def _with_null(summary: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """JSON has no nan: null stands for it."""
    return {name: {k: None if math.isnan(v) else v for k, v in number.items()} for name, number in summary.items()}


def _interval(rows: pd.DataFrame, name: str) -> dict[str, float]:
    if rows.empty:
        return {"mean": math.nan, "low": math.nan, "high": math.nan, "images": 0, "groups": 0}
    sums = rows.groupby("group")[name].agg(["sum", "count"]).to_numpy(dtype=float)
    generator = np.random.default_rng(RESAMPLING_SEED)
    drawn = sums[generator.integers(len(sums), size=(RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    mean = float(rows[name].mean())
    return {"mean": mean, "low": float(low), "high": float(high), "images": len(rows), "groups": len(sums)}
