"""What an evaluation leaves: a row per image, and each number with its interval."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ignite.engine import Engine, Events

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.checksum import sha256_of
from echocare_core.counting import counted
from echocare_core.errors import TableError
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.summary import summarise_means, with_null
from echocare_core.frames.faults import check_no_faults
from echocare_core.origin import describe_run, find_running, what_ran
from echocare_core.spreadsheet import image_cell, text_cell

CONFIGS = ("inference.json", "evaluate.json")  # of which an evaluation is made; what differs from them is recorded
UIDS = ("sop_instance_uid", "series_instance_uid", "study_instance_uid")


class WriteEvaluation:
    """Ignite handler: score every item that the bundle has predicted, and write what came out.

    At the end it prints a line per number, and writes `evaluation.csv` (one row per image) and `evaluation.json` (each
    number with its 95 % interval over groups, so that the images of one patient count together, and a warning where it
    should not be trusted; under `weights` the file that was scored and its SHA-256, and under `origin` how the numbers
    were made, as `origin.json` says it of predictions).

    Args:
        output_dir: folder for the two files; made if need be.
        weights: file that the network was loaded from.
        score: (item, with the columns of its row of the table, `pred` and `outputs`) -> further columns of
            `evaluation.csv`; a function of the task.
        summarise: (table of all rows) -> numbers by name; means of all columns unless the task says otherwise.

    Raises:
        TableError: at the end, rows that cannot be scored; nothing is written then.
    """

    def __init__(
        self,
        output_dir: str,
        weights: str | Path,
        score: Callable[[Mapping[str, Any]], dict[str, Any]],
        summarise: Callable[[pd.DataFrame], dict[str, Summary]] = summarise_means,
    ) -> None:
        self.output_dir, self.weights = Path(output_dir), Path(weights)
        self.score = score
        self.summarise = summarise
        self.rows: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.running = find_running()
        self.origin: dict[str, Any] = {}

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's evaluator for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_batch)
        engine.add_event_handler(Events.COMPLETED, self.report)

    def begin(self, engine: Engine) -> None:
        """Forget an earlier run, and see what this one scores."""
        self.rows.clear()
        self.faults.clear()
        self.origin = describe_run(self.running, what_ran(engine), self.weights, CONFIGS)

    def add_batch(self, engine: Engine) -> None:
        """Score the images of one iteration."""
        for row, output in zip(engine.state.batch, engine.state.output, strict=True):
            item = {**row, **output}
            try:
                self.rows.append({**_keys(item), **self.score(item)})
            except TableError as error:
                self.faults.append(str(error).rstrip("."))

    def report(self, engine: Engine) -> None:
        """Print and write the summary."""
        check_no_faults("The table has", self.faults, "Correct these rows, or take them out.")
        rows = pd.DataFrame(self.rows)
        summary = self.summarise(rows.drop(columns=[*UIDS], errors="ignore"))
        weights = {"file": str(self.weights), "sha256": sha256_of(self.weights)}
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with replacing(self.output_dir / "evaluation.csv", OWNER_ALONE) as unfinished:
            _in_cells(rows).assign(image=rows["image"].map(image_cell)).map(text_cell).to_csv(unfinished, index=False)
        with replacing(self.output_dir / "evaluation.json") as unfinished:
            content = {**with_null(summary), "weights": weights, **({"origin": self.origin} if self.origin else {})}
            unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        print(f"Scored the weights {self.weights} (SHA-256 {weights['sha256'][:12]}...){_whose(self.origin)}")
        for name, number in summary.items():
            known = math.isfinite(number["low"])
            between = f"95 % interval {number['low']:.4f} to {number['high']:.4f}, " if known else ""
            of = f"{counted(number['images'], 'image')} of {counted(number['groups'], 'group')}"
            print(f"{name}: {number['mean']:.4f} ({between}{of}) {number.get('warning', '')}".rstrip())


def _whose(origin: Mapping[str, Any]) -> str:
    """A word on weights that are not those that came with the bundle."""
    return ", not the bundle's own" if origin and not origin["weights_are_the_bundles_own"] else ""


def _keys(item: Mapping[str, Any]) -> dict[str, Any]:
    """By what a row joins the table and the archive: image and frame as the table has them, its group, the file's UIDs.

    There is a frame where the table has that column.
    """
    meta = item["image"].meta
    image = item.get("image_in_table") or Path(meta["filename_or_obj"]).name
    frame = {"frame": int(item["frame"])} if "frame" in item else {}
    uids = {column: meta[column] for column in UIDS if meta.get(column)}
    return {"image": image, **frame, "group": item["group"], **uids}


def _in_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that a table can hold: without arrays, of which some numbers are computed."""
    return rows[[name for name in rows.columns if not isinstance(rows[name].iloc[0], np.ndarray)]]
