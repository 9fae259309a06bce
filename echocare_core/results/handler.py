"""The end of an inference run: predictions into files, whoever started the run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from monai.utils import convert_to_numpy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from echocare_core.bundle import read_card
from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.printable import printable
from echocare_core.results.apart import check_apart
from echocare_core.results.levels import Combine, Levels, Outputs, Spacing
from echocare_core.results.staging import settle
from echocare_core.results.writer import ResultsWriter, check_free
from echocare_core.tasks.measurements import known_spacing
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.transforms.faults import Faults
from echocare_core.types import Frames, Prediction, Results


class WriteResults:
    """Ignite handler: write every predicted frame, then the table and the report, all at once or not at all.

    The output of each iteration is a list of items with `image` (as `LoadUltrasoundd` described it in its meta) and
    `outputs` (`echocare_core.types.Output`), as the post-processing of a task leaves them. An item is one frame, or a
    clip, which speaks of its cine.

    Args:
        output_dir: folder for the results; made if need be.
        dataset: what the run reads; it knows what was set aside.
        bundle_root: folder of the bundle, for the report.
        weights: the weight file in use.
        overwrite: replace the results of an earlier run in that folder.
        progress: show a bar.
        cine: outputs of the frames or clips of a cine, in order, without their masks and pictures -> outputs of the
            cine; None for no rows about cines, or where each has one clip that speaks for it.
        study: the same of a study (`echocare_core.frames.export.study_numbers`); None for no rows about studies.
        table_format: of the tables that kinds of output add, as for `ResultsWriter`.

    Raises:
        OutputError: the folder cannot be written, holds results already or what is read, or Parquet without pyarrow.
        SettingsError: a cine has several clips and there is no `cine`, or an unknown format.
        BundleError: an output cannot be right.
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
        cine: Combine | None = None,
        study: Combine | None = None,
        table_format: str = "csv",
    ) -> None:
        if cine is None and dataset.clips and any(len(clips) > 1 for clips in dataset.clips.values()):
            raise SettingsError(
                f"{Path(bundle_root).name} cuts cines into several clips; needed `cine` of WriteResults, which makes"
                " one of what they say. Name it in the bundle's configuration."
            )
        self.dataset = dataset
        self.faults = Faults("while its results are written")
        self.levels = Levels(dataset, cine, study)
        card = read_card(Path(bundle_root), Path(weights))
        check_apart(dataset.export.inputs.paths, Path(output_dir))
        settle(Path(output_dir))
        check_free(Path(output_dir), overwrite)  # at once; the folder itself is made when the run starts
        self.new_writer = partial(ResultsWriter, Path(output_dir), card, overwrite=overwrite, table_format=table_format)
        self.writer: ResultsWriter | None = None
        self.results: Results | None = None
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("frames" if dataset.clips is None else "clips"),
            TimeRemainingColumn(),
            disable=not progress,
        )
        self.bar = self.progress.add_task(printable(Path(bundle_root).name), total=dataset.number_of_items)

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's evaluator for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.write_batch)
        engine.add_event_handler(Events.COMPLETED, self.finish)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.abandon)

    def start(self, engine: Engine) -> None:
        """Make the folder, before the first frame is read."""
        self.writer = self.new_writer()
        self.progress.start()

    def write_batch(self, engine: Engine) -> None:
        """Write what one iteration says of frames or clips, and of the cines that end with it."""
        writer = self._started()
        for item in engine.state.output:
            try:
                for prediction in self._predictions(item):
                    writer.add(prediction)
            except OutputError:
                raise
            except Exception as error:  # noqa: BLE001  (whatever the outputs of one frame make a table or a drawing raise)
                self.dataset.set_aside_item(item["image"].meta, error, self.faults)
            else:
                self.faults.passed()
            self.progress.advance(self.bar)

    def finish(self, engine: Engine) -> None:
        """Move everything into place; `results` and `engine.state.results` say what was written."""
        self.progress.stop()
        writer = self._started()
        self.faults.finish()
        for prediction in self.levels.finish():
            writer.add(prediction)
        if not writer.rows:
            raise UnreadableFrames(self.dataset.export.root, _why_nothing_is_read(self.dataset))
        self.results = writer.finish(self.dataset.set_aside)
        engine.state.results = self.results

    def _started(self) -> ResultsWriter:
        if self.writer is None:
            raise ValueError("the run has not started: attach this handler to its engine first")
        return self.writer

    def abandon(self, engine: Engine, error: BaseException) -> None:
        """Leave nothing half-written, and let the error go on."""
        self.progress.stop()
        if self.writer:
            self.writer.abandon()
        raise error

    def _predictions(self, item: dict[str, Any]) -> Iterator[Prediction]:
        """Of one item, after that of the cine that ended before it."""
        meta, outputs = item["image"].meta, tuple(item["outputs"])
        frames = self.dataset.by_path[meta["filename_or_obj"]]
        numbers, spacing_mm = convert_to_numpy(meta["frame"]), known_spacing(meta["spacing_mm"])
        number = int(np.atleast_1d(numbers)[np.size(numbers) // 2])
        yield from self.levels.add(frames, number, spacing_mm, outputs)
        if numbers.ndim == 0:
            yield self._frame(frames, number, float(meta["frame_time_ms"]), spacing_mm, outputs)
        elif self.levels.cine is None:
            yield self.levels.cine_prediction(frames, number, spacing_mm, outputs)

    def _frame(
        self, frames: Frames, number: int, frame_time_ms: float, spacing_mm: Spacing, outputs: Outputs
    ) -> Prediction:
        return Prediction(
            source=self.dataset.export.source_of(frames),
            outputs=outputs,
            frame=number,
            image=np.asarray(frames.pixels[number]),
            frame_time_ms=None if np.isnan(frame_time_ms) else frame_time_ms,
            spacing_mm=spacing_mm,
            study=self.levels.study_of.get(frames.path),
            notes=frames.notes,
            keys=self.dataset.export.keys_of(frames),
        )


def _why_nothing_is_read(dataset: ExportDataset) -> str:
    reasons = "; ".join(f"{aside.source}: {aside.reason}" for aside in dataset.set_aside[:3])
    items = f"{dataset.number_of_items} {'frames' if dataset.clips is None else 'clips'}"
    return f"has {items}, none of which can be decoded ({reasons}). Export the study again."
