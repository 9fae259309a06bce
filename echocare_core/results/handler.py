"""The end of an inference run: predictions into files, whoever started the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from echocare_core.bundle import read_card
from echocare_core.errors import UnreadableFrames
from echocare_core.results.writer import ResultsWriter
from echocare_core.tasks.measurements import known_spacing
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.types import Prediction, Results


class WriteResults:
    """Ignite handler: write every predicted frame, then the table and the report, all at once or not at all.

    The output of each iteration is a list of items with `image` (as `LoadUltrasoundd` described it in its meta) and
    `outputs` (`echocare_core.types.Output`), as the post-processing of a task leaves them.

    Args:
        output_dir: folder for the results; made if need be.
        dataset: what the run reads; it knows what was set aside.
        bundle_root: folder of the bundle, for the report.
        weights: the weight file in use.
        overwrite: replace the results of an earlier run in that folder.
        progress: show a bar.

    Raises:
        OutputError: the folder cannot be written or holds results already.
        UnreadableFrames: at the end, when not one frame could be read.
    """

    def __init__(
        self,
        output_dir: str,
        dataset: ExportDataset,
        bundle_root: str,
        weights: str,
        overwrite: bool = False,
        progress: bool = True,
    ) -> None:
        self.dataset = dataset
        self.writer = ResultsWriter(Path(output_dir), read_card(Path(bundle_root), Path(weights)), overwrite=overwrite)
        self.results: Results | None = None
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("frames"),
            TimeRemainingColumn(),
            disable=not progress,
        )
        self.bar = self.progress.add_task(Path(bundle_root).name, total=dataset.number_of_frames)

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's evaluator for each of its handlers."""
        engine.add_event_handler(Events.STARTED, lambda _: self.progress.start())
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.write_batch)
        engine.add_event_handler(Events.COMPLETED, self.finish)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.abandon)

    def write_batch(self, engine: Engine) -> None:
        """Write the frames of one iteration."""
        for item in engine.state.output:
            self.writer.add(self._prediction(item))
            self.progress.advance(self.bar)

    def finish(self, engine: Engine) -> None:
        """Move everything into place; `results` and `engine.state.results` say what was written."""
        self.progress.stop()
        if not self.writer.rows:
            raise UnreadableFrames(self.dataset.export.root, _why_nothing_is_read(self.dataset))
        self.results = self.writer.finish(self.dataset.set_aside)
        engine.state.results = self.results

    def abandon(self, engine: Engine, error: BaseException) -> None:
        """Leave nothing half-written, and let the error go on."""
        self.progress.stop()
        self.writer.abandon()
        raise error

    def _prediction(self, item: dict[str, Any]) -> Prediction:
        meta = item["image"].meta
        frames = self.dataset.by_path[meta["filename_or_obj"]]
        frame = int(meta["frame"])
        frame_time_ms = float(meta["frame_time_ms"])
        return Prediction(
            source=self.dataset.export.source_of(frames),
            outputs=tuple(item["outputs"]),
            frame=frame,
            image=np.asarray(frames.pixels[frame]),
            frame_time_ms=None if np.isnan(frame_time_ms) else frame_time_ms,
            spacing_mm=known_spacing(meta["spacing_mm"]),
        )


def _why_nothing_is_read(dataset: ExportDataset) -> str:
    reasons = "; ".join(f"{aside.source}: {aside.reason}" for aside in dataset.set_aside[:3])
    return f"has {dataset.number_of_frames} frames, none of which can be decoded ({reasons}). Export the study again."
