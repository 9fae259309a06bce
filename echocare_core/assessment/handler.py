"""The evaluation that a bundle's own configuration runs leaves the page of `echocare evaluate` too."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ignite.engine import Engine, Events
from monai.utils import convert_to_numpy

from echocare_core.assessment.evaluate import evaluate
from echocare_core.assessment.folder import RESULTS
from echocare_core.atomic import ENTERED_BY_OWNER, OWNER_ALONE, replacing
from echocare_core.bundle import read_card
from echocare_core.errors import EchoCareError
from echocare_core.evaluation.handler import CONFIGS, UIDS
from echocare_core.frames.listed import places_of
from echocare_core.frames.mask_files import join_files, split_masks
from echocare_core.frames.read import read_frames
from echocare_core.origin import find_origin, find_running, what_ran
from echocare_core.outputs import plain_outputs
from echocare_core.results import ResultsWriter
from echocare_core.spreadsheet import image_cell, text_cell
from echocare_core.tasks.measurements import known_spacing
from echocare_core.types import JoinKeys, Prediction

REPORT, LABELS = "report", "labels.csv"
NOT_LABELS = ("image", "image_in_table", "label", "pixel_mm", "frame", "outputs", "pred")
logger = logging.getLogger(__name__)


class WriteEvaluationReport:
    """Ignite handler: beside what `WriteEvaluation` writes, the folder `report` as `echocare evaluate` leaves it.

    What the bundle says of each row of the table is written as results of a run, the row's own columns as labels, and
    both are evaluated as those of an export are: the same code, the same numbers. Where that is not possible, as where
    no column is called as an output is, it says why, and the evaluation stands.

    Args:
        output_dir: folder in which `report` will stand; an earlier one is replaced.
        data: the table, or the folder with `table.csv`.
        bundle_root: folder of the bundle.
        weights: file that the network was loaded from.
        labels: item, with what the bundle says -> rows of labels of it, such as a row for each drawn box; one without
            any cell where there is none. The item's own columns where None.
    """

    def __init__(
        self,
        output_dir: str,
        data: str,
        bundle_root: str,
        weights: str | Path,
        labels: Callable[[Mapping[str, Any]], Sequence[Mapping[str, object]]] | None = None,
    ) -> None:
        table = Path(data)
        self.table = table / "table.csv" if table.is_dir() else table
        self.folder, self.bundle, self.weights = Path(output_dir) / REPORT, Path(bundle_root), Path(weights)
        self.running = find_running()
        self.writer: ResultsWriter | None = None
        self.rows_of = labels or (lambda item: [self._own_columns(item)])
        self.labels: list[dict[str, object]] = []

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's evaluator for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.begin)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_batch)
        engine.add_event_handler(Events.COMPLETED, self.report)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.abandon)

    def begin(self, engine: Engine) -> None:
        """Make the folder, and see what made the results."""
        card = read_card(self.bundle, self.weights)
        card, origin = find_origin(card, self.bundle, what_ran(engine), self.running, CONFIGS)
        self.folder.mkdir(ENTERED_BY_OWNER, parents=True, exist_ok=True)
        self.labels.clear()
        self.places = places_of(self.table)
        self.writer = ResultsWriter(self.folder / RESULTS, card, origin=origin, overwrite=True)

    def add_batch(self, engine: Engine) -> None:
        """Write what the bundle says of the rows of one iteration, and what the table does."""
        for row, output in zip(engine.state.batch, engine.state.output, strict=True):
            self._add({**row, **output})

    def report(self, engine: Engine) -> None:
        """Evaluate what was gathered."""
        assert self.writer is not None
        try:
            self.writer.finish()
            with replacing(self.folder / LABELS, OWNER_ALONE) as unfinished:
                pd.DataFrame(self.labels).map(text_cell).to_csv(unfinished, index=False)
            labels, results = self.folder / LABELS, self.folder / RESULTS
            evaluate(self.bundle, self.table, labels, self.folder, results=results, overwrite=True, progress=False)
        except EchoCareError as error:
            logger.warning("No report beside the evaluation: %s", error)
        else:
            print(f"A page about it: {self.folder / 'evaluation.html'}")

    def abandon(self, engine: Engine, error: BaseException) -> None:
        """Leave no results half-written, and let the error go on."""
        if self.writer is not None:
            self.writer.abandon()
        raise error

    def _add(self, item: Mapping[str, Any]) -> None:
        assert self.writer is not None
        meta = item["image"].meta
        path, frame = Path(meta["filename_or_obj"]).absolute(), int(np.atleast_1d(convert_to_numpy(meta["frame"]))[0])
        source = self.places.source_of(path)
        uids = {name: meta[name] for name in UIDS if meta.get(name)}
        self.writer.add(
            Prediction(
                source,
                plain_outputs(item["outputs"]),
                frame=frame,
                image=np.asarray(read_frames(path).pixels[frame]),
                spacing_mm=known_spacing(meta["spacing_mm"]),
                keys=JoinKeys(group=str(item.get("group", "")), **uids),
            )
        )
        of_item = {"image": image_cell(source), "frame": frame, "group": str(item.get("group", ""))}
        self.labels += [{**of_item, **row} for row in self.rows_of(item) or [{}]]

    def _own_columns(self, item: Mapping[str, Any]) -> dict[str, object]:
        """What the table says of a row."""
        texts = {name: cell for name, cell in item.items() if isinstance(cell, str) and name not in NOT_LABELS}
        if texts.get("mask"):
            texts["mask"] = join_files([self._from_here(name) for name in split_masks(texts["mask"], Path())])
        return dict(texts)

    def _from_here(self, path: str) -> str:
        return Path(os.path.relpath(Path(path).absolute(), self.folder.absolute())).as_posix()
