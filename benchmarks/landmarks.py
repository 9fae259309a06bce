"""The ends of a fetal head's axes, and what is measured between them, by two bundles on the same images.

    python benchmarks/landmarks.py --data HC18

`fetal_head_landmarks` finds the four ends itself; of the mask of `fetal_head_segmentation` they are the ends of the
axes of the ellipse that it measures. Both are scored by the first one's evaluate.json, on one split of the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from echocare_core.bundle import find_bundle
from echocare_core.evaluation.summary import spelled
from echocare_core.finetuning.configured import EVALUATION, open_workflow
from echocare_core.outputs import only_output
from echocare_core.tasks.landmarks import measure_head_ends, score_ends, summarise_ends
from echocare_core.tasks.landmarks.head import AXES
from echocare_core.tasks.measurements import known_spacing, measure_head
from echocare_core.types import Mask, Measurement, Points

LANDMARKS, SEGMENTATION = "fetal_head_landmarks", "fetal_head_segmentation"
INSET = 0.00174  # of the picture's long side: how far HC18's masks, and so its ends, lie outside the recorded ellipse
NAMES = ("occipitofrontal_1", "occipitofrontal_2", "biparietal_1", "biparietal_2")


def main(
    data: Annotated[Path, typer.Option(help="HC18: folder with a table.csv that has the ends of the axes.")],
    split: Annotated[str, typer.Option(help="Rows of the table.")] = "test",
    runs: Annotated[Path, typer.Option(help="Folder for the scores.")] = Path("runs/landmarks"),
) -> None:
    """Score both, and print the table (RUNS/comparison.json)."""
    settings = {"dataset_dir": str(data), "split": split, "device": "cpu", "recogniser": None}
    of_own = {**settings, "output_dir": str(runs / LANDMARKS), "truth_inset": INSET}
    own = open_workflow(find_bundle(LANDMARKS), EVALUATION, of_own)
    own.run()
    asked = {name: own.parser.get_parsed_content(name) for name in ("columns", "measured")}
    columns = [name for axis in asked["columns"] for name in axis]
    other = open_workflow(
        find_bundle(SEGMENTATION), EVALUATION, {**settings, "output_dir": str(runs / SEGMENTATION)}, prepare=False
    )
    other.parser["dataset#columns"] = [*columns, "head_circumference_mm"]
    other.parser["score"] = partial(score_ellipse, **asked)
    other.parser["handlers#1#summarise"] = summarise_ends
    other.initialize()
    other.run()
    scores = {name: read_scores(runs / name) for name in (LANDMARKS, SEGMENTATION)}
    (runs / "comparison.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    show(scores)


def score_ellipse(item: Mapping[str, Any], **asked: Any) -> dict[str, float]:
    """As `score_ends`, of the ends of the axes of the ellipse that a mask is measured by, its outline not moved in."""
    top, left, bottom, right = (int(edge) for edge in item["image"].meta["scan_box"])
    mask = only_output(item["outputs"], Mask, "The ellipse").values[top:bottom, left:right]
    spacing = known_spacing(item["image"].meta["spacing_mm"])
    lines = {one.name: one.line_px for one in measure_head(mask, spacing, outline_inset=0.0)}
    ends = np.concatenate([lines.get(name, np.full((2, 2), np.nan)) for name in AXES]) + np.array([top, left])
    measured = [one for one in item["outputs"] if isinstance(one, Measurement)]
    outputs = (Points(ends, NAMES), *measured)
    return score_ends({**item, "outputs": outputs}, measure=partial(measure_head_ends, outline_inset=INSET), **asked)


def read_scores(folder: Path) -> dict[str, dict[str, float]]:
    """The numbers of an evaluation."""
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return {name: number for name, number in found.items() if name not in ("weights", "origin")}


def show(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print every number with its interval, a row for each."""
    table = Table("number", *scores)
    for name in next(iter(scores.values())):
        cells = [spelled(of[name]) for of in scores.values()]
        table.add_row(name, *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    typer.run(main)
