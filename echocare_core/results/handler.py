"""The end of an inference run: predictions into files, whoever started the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events
from monai.utils import convert_to_numpy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from echocare_core.bundle import read_card
from echocare_core.counting import counted
from echocare_core.disk import is_about_name, is_about_room
from echocare_core.errors import OutputError, SettingsError, UnreadableFrames
from echocare_core.origin import find_origin, find_running, what_ran
from echocare_core.outputs import plain_outputs, without_pixels
from echocare_core.overrides import is_monai_bundle
from echocare_core.printable import printable
from echocare_core.results.allowed import check_free
from echocare_core.results.apart import check_apart
from echocare_core.results.levels import Combine, CombineInTime, Complete, Levels, Outputs, Part, Spacing
from echocare_core.results.progress import Trail, checksum_of_run
from echocare_core.results.staging import UNFINISHED, settle
from echocare_core.results.writer import ResultsWriter
from echocare_core.tasks.measurements import known_spacing
from echocare_core.tasks.steadiness import measure_steadiness
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.transforms.foreign import foreign_in
from echocare_core.transforms.frame_faults import Faults
from echocare_core.types import Frames, Prediction, Results, SetAside

CONFIGS = ("inference.json",)  # of which a run is made; what differs from it is recorded


class WriteResults:
    """Ignite handler: write every predicted frame, then the table and the report, all at once or not at all.

    A run that is stopped leaves what it has done in a hidden folder in `output_dir`. Where a later one runs the same
    configuration with the same weights it goes on there, behind the last batch whose files have not changed; what
    another one has done is removed with `overwrite` alone.

    The output of each iteration is a list of items with `image` (as `LoadUltrasoundd` described it in its meta) and
    `outputs` (`echocare_core.types.Output`), as the post-processing of a task leaves them. An item is one frame, or a
    clip, which speaks of its cine. Of a frame whose file has the frame before it too, the handler adds how much of
    its masks both share (`tasks.steadiness.measure_steadiness`).

    Args:
        output_dir: folder for the results; made if need be.
        dataset: what the run reads; it knows what was set aside.
        bundle_root: folder of the bundle, for the report.
        weights: the weight file in use.
        overwrite: replace the results of an earlier run in that folder, also where it was stopped.
        progress: show a bar.
        cine: outputs of the frames or clips of a cine, in order, without their masks and pictures -> outputs of the
            cine; None for no rows about cines, or where each has one clip that speaks for it.
        study: the same of a study (`echocare_core.frames.export.study_numbers`); None for no rows about studies.
        over_time: in place of `cine`, where it must know the numbers of the frames and when each was recorded
            (`levels.CombineInTime`), as an ejection fraction does. What it cannot answer, stills too, is set aside by
            name; the rows of the frames stay.
        table_format: of the tables that kinds of output add, as for `ResultsWriter`.
        dicom: write DICOM objects of the files that are DICOM themselves (`results.dicom.objects`).
        derived: names of pictures that are the frame itself with other values, as an enhanced one is: each cine of them
            is written as MP4 too, and with `dicom` each file as a derived object.

    Raises:
        OutputError: the folder cannot be written, holds results already, what is read, or what another run was
            stopped at; or Parquet without pyarrow.
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
        over_time: CombineInTime | None = None,
        table_format: str = "csv",
        dicom: bool = False,
        derived: Sequence[str] = (),
    ) -> None:
        if cine is None and dataset.clips and any(len(clips) > 1 for clips in dataset.clips.values()):
            raise SettingsError(
                f"{Path(bundle_root).name} cuts cines into several clips; needed `cine` of WriteResults, which makes"
                " one of what they say. Name it in the bundle's configuration."
            )
        self.dataset = dataset
        self.done = self.noted_aside = 0  # items, and what was set aside, of which the writer has noted all
        self.faults = Faults("while its results are written")
        self.levels = Levels(dataset, cine, study, over_time)
        self.bundle, self.running = Path(bundle_root), find_running()
        self.card = read_card(self.bundle, Path(weights))
        check_apart(dataset.export.inputs.paths, Path(output_dir))
        settle(Path(output_dir))
        check_free(Path(output_dir), overwrite)  # at once; the folder itself is made when the run starts
        self.new_writer = partial(
            ResultsWriter,
            Path(output_dir),
            overwrite=overwrite,
            table_format=table_format,
            dicom={dataset.export.source_of(one): one.path for one in dataset.export.files} if dicom else None,
            derived=derived,
        )
        self.table_format = table_format
        self.writer: ResultsWriter | None = None
        self.results: Results | None = None
        self.trail = Trail(dataset)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(self._items),
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
        """Make the folder, before the first frame is read, and go on where a run that was stopped has left it."""
        card, origin = find_origin(self.card, self.bundle, what_ran(engine), self.running, CONFIGS)
        run = self.running and checksum_of_run(self.running, card, origin, self.table_format)
        self.writer = self.new_writer(card, origin=origin, run=run)
        steps = self.trail.agreeing(self.writer.earlier)
        self.trail = Trail(self.dataset)
        self.writer.go_on(steps)
        for part in (part for step in steps for part in step.parts):
            self.levels.restore(Part(*part))
        if steps:
            self.faults.passed()
            self.dataset.start_at(steps[-1].tried, [one for step in steps for one in step.set_aside])
        self.done, self.noted_aside = self.dataset.tried, len(self.dataset.set_aside)
        self.progress.update(self.bar, completed=self.done)
        self._say_what_was_done()
        self.progress.start()

    def write_batch(self, engine: Engine) -> None:
        """Write what one iteration says of frames or clips, and of the cines that end with it."""
        parts = [self._write_item(item) for item in engine.state.output]
        kept = [part for part in parts if part and self.levels.gathers]
        tried = self.dataset.tried
        self._started().note(tried, self.trail.checksum(tried), kept, self.dataset.set_aside[self.noted_aside :])
        self.done, self.noted_aside = tried, len(self.dataset.set_aside)
        self.progress.update(self.bar, completed=tried)

    def finish(self, engine: Engine) -> None:
        """Move everything into place; `results` and `engine.state.results` say what was written."""
        self.progress.stop()
        writer = self._started()
        self.faults.finish()
        self._write_complete(self.levels.finish())
        if not writer.rows:
            raise UnreadableFrames(self.dataset.export.root, _why_nothing_is_read(self.dataset))
        self.results = writer.finish(self.dataset.set_aside)
        engine.state.results = self.results
        if is_monai_bundle():  # which says nothing itself
            print(self.results)

    def _started(self) -> ResultsWriter:
        if self.writer is None:
            raise ValueError("the run has not started: attach this handler to its engine first")
        return self.writer

    def abandon(self, engine: Engine, error: BaseException) -> None:
        """Leave nothing half-written, and let the error go on; who stops a run, or fills the disk, finds it where it
        was."""
        self.progress.stop()
        if self.writer and isinstance(error, Exception) and not is_about_room(error.__cause__):
            self.writer.abandon()
        elif self.writer and self.writer.pause():
            self._say(f"Stopped: {self._counted()} are done; the same command goes on there.")
        raise error

    def _write_item(self, item: dict[str, Any]) -> Part | None:
        """Write one item, after the cine that ended before it; None where it is set aside."""
        meta = item["image"].meta
        frames, foreign = self.dataset.by_path[meta["filename_or_obj"]], foreign_in(meta)
        self._write_complete(self.levels.ended_before(frames.path))
        numbers, spacing_mm = convert_to_numpy(meta["frame"]), self._spacing_mm(frames, meta)
        number = int(np.atleast_1d(numbers)[np.size(numbers) // 2])
        try:
            outputs = plain_outputs(item["outputs"])
            if numbers.ndim == 0:
                before = self._started().mask_before(self.dataset.export.source_of(frames), number)
                outputs = (*outputs, *measure_steadiness(outputs, before))
                prediction = self._frame(frames, number, float(meta["frame_time_ms"]), spacing_mm, outputs)
                self._started().add(replace(prediction, foreign=foreign))
            elif self.levels.cine is None:
                self._started().add(self.levels.cine_prediction(frames, number, spacing_mm, outputs, foreign))
        except Exception as error:  # noqa: BLE001  (whatever the outputs of one frame make a table or drawing raise)
            _raise_of_disk(error)
            self.dataset.set_aside_item(meta, error, self.faults)
            return None
        self.faults.passed()
        part = Part(self.dataset.export.source_of(frames), number, spacing_mm, without_pixels(outputs), foreign)
        self.levels.add(part)
        return part

    def _write_complete(self, complete: Sequence[Complete]) -> None:
        for one in complete:
            try:
                self._started().add(one.make())
            except Exception as error:  # noqa: BLE001  (the same of a cine or a study)
                _raise_of_disk(error)
                reason = Faults("where its frames are put together").reason(error, Path(one.source))
                self.dataset.set_aside.append(SetAside(one.source, reason, image=one.image))

    def _spacing_mm(self, frames: Frames, meta: Mapping[str, Any]) -> Spacing:
        """(row, column) millimetres per pixel of the frame as it was recorded, which its mask has the pixels of."""
        spacing_mm, factor = known_spacing(meta["spacing_mm"]), self.dataset.reduction_of(frames)
        return spacing_mm and (spacing_mm[0] / factor, spacing_mm[1] / factor)

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
            scan_box=frames.scan_box,
            notes=frames.notes,
            keys=self.dataset.export.keys_of(frames),
        )

    @property
    def _items(self) -> str:
        return "frames" if self.dataset.clips is None else "clips"

    def _counted(self) -> str:
        return f"{self.done:,} of {self.dataset.number_of_items:,} {self._items}"

    def _say_what_was_done(self) -> None:
        """Say where the run goes on, and how to begin anew."""
        if self.done:
            hidden = self._started().folder / UNFINISHED
            self._say(f"{self._counted()} were done before; goes on there (delete {hidden} to begin anew).")

    def _say(self, text: str) -> None:
        if not self.progress.disable:
            self.progress.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def _raise_of_disk(error: Exception) -> None:
    """Raise an error that is the disk's and not that of one frame, such as a name that is too long."""
    if isinstance(error, OutputError) and not is_about_name(error.__cause__):
        raise error


def _why_nothing_is_read(dataset: ExportDataset) -> str:
    reasons = "; ".join(f"{aside.source}: {aside.reason}".rstrip(".") for aside in dataset.set_aside[:3])
    if not dataset.number_of_items:
        return f"has nothing that can be used ({reasons}). Mend that and ask again."
    items = counted(dataset.number_of_items, "frame" if dataset.clips is None else "clip")
    return f"has {items}, none of which can be decoded ({reasons}). Export the study again."
