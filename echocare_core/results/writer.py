"""Writes what a bundle says about an export: its files one by one, the tables and the page at the end."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.disk import explained
from echocare_core.errors import OutputError
from echocare_core.origin import describe_origin
from echocare_core.outputs import without_pixels
from echocare_core.result_files import (
    ENTRIES,
    ORIGIN_JSON,
    OVERLAYS,
    REPORT_HTML,
    SET_ASIDE_CSV,
    WITHOUT_OBJECTS_CSV,
)
from echocare_core.results.allowed import check_format, check_free
from echocare_core.results.captions import caption_lines
from echocare_core.results.dicom.objects import ObjectWriter
from echocare_core.results.doubts import Doubt, doubts_of
from echocare_core.results.journal import Journal, Step, checksum_of
from echocare_core.results.lines import save_lines
from echocare_core.results.naming import FrameNames
from echocare_core.results.overlay import draw_frame, marks_nothing, shown_size
from echocare_core.results.page import Section, WaitingPictures, picture_of, waiting_path, write_report
from echocare_core.results.staging import UNFINISHED, Staging
from echocare_core.results.table import (
    DOUBTS,
    Row,
    check_outputs,
    complete_rows,
    file_columns,
    row_of,
    write_listed,
    write_results_csv,
    write_set_aside_csv,
)
from echocare_core.results.table.place import Place
from echocare_core.results.videos import write_videos
from echocare_core.types import BundleCard, Details, Mask, Objects, Origin, Prediction, Results, SetAside

_log = logging.getLogger(__name__)
_EARLIER = "what was done before, with other settings, weights, versions or images"


class ResultsWriter:
    """Collects the predictions of one run and leaves a complete results folder, or none.

    Use it so::

        with ResultsWriter("out", card) as writer:
            for prediction in predictions:
                writer.add(prediction)
            results = writer.finish(set_aside)

    Everything is written to a hidden folder first. `finish` moves it into place; leaving the block without `finish`, by
    an error or otherwise, removes it and leaves the disk as it was. Of a run that says what it is made of, steps are
    noted there, and a later run that is made of the same goes on behind them.

    Attributes:
        earlier: steps of an earlier run, made of the same, that did not come to its end.
    """

    def __init__(
        self,
        folder: str | Path,
        card: BundleCard,
        *,
        origin: Origin | None = None,
        overwrite: bool = False,
        table_format: str = "csv",
        run: str | None = None,
        dicom: Mapping[str, Path] | None = None,
        derived: Sequence[str] = (),
    ) -> None:
        """Make sure that the results can be written, before any work is done.

        Args:
            folder: where the results will stand; made where it is missing.
            card: of the bundle whose predictions are coming.
            origin: how they are made, for `origin.json` and the page; None where that is not known.
            overwrite: replace the results of a former run in that folder, when `finish` is reached.
            table_format: of the tables that kinds of output add: "csv", or "parquet" (`pip install echocare[parquet]`),
                whose numbers are stored whole; `results.csv` stays what it is.
            run: checksum of what the results depend on beside the files; None where no run is to go on.
            dicom: where the file of each source stands, to write DICOM objects too; None for none.
            derived: names of pictures that are the frame itself with other values: each cine of them is written as MP4
                too, and with `dicom` each file as a derived object.

        Raises:
            SettingsError: another format.
            OutputError: the folder is a file, cannot be written to, or holds results that would be overwritten; or an
                extra is not installed.
        """
        self.folder, self._table_format, self._dicom, self._derived = Path(folder), table_format, dicom, derived
        check_format(table_format)
        self._card, self._origin, self._overwrite = card, origin, overwrite
        self._rows: list[dict[str, object]] = []
        self._keys: set[tuple[object, ...]] = set()
        self._details: list[Details] = []
        self._names = FrameNames()
        self._finished = False
        self._noted = 0
        self._staging = Staging(self.folder, going_on=run is not None)
        try:
            with explained(self.folder):
                check_free(self.folder, overwrite)
                self._journal = None if run is None else Journal(self._staging.path, run)
        except BaseException:
            self._staging.release()
            raise
        self.earlier = () if self._journal is None else self._journal.earlier
        self._has_other = self._journal is not None and (bool(self.earlier) or self._journal.is_other)

    def __enter__(self) -> ResultsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    @property
    def rows(self) -> tuple[dict[str, object], ...]:
        """The rows so far, in the order in which the predictions were added."""
        return tuple(self._rows)

    def mask_before(self, source: str, frame: int) -> NDArray[np.uint8] | None:
        """Label numbers (height, width) of the frame before this one, where that was added last and has a mask."""
        row = self._rows[-1] if self._rows else {}
        if (row.get("level"), row.get("source"), row.get("frame")) != ("frame", source, frame - 1):
            return None
        if not row.get("mask"):
            return None
        with Image.open(self._staging.path / str(row["mask"])) as mask:
            return np.asarray(mask)

    def abandon(self) -> None:
        """Remove what was prepared and leave the disk as it was; what `finish` moved into place stays."""
        if self._has_other:  # it has not begun, and all that is there is of an earlier run
            self._staging.release()
        self._staging.discard()

    def pause(self) -> bool:
        """Leave what was noted for a later run, if there is any: whether there is."""
        if not self._noted:
            self.abandon()
        self._staging.release()
        return self._noted > 0

    def go_on(self, steps: Sequence[Step]) -> None:
        """Begin with the rows of these earlier steps, and remove everything else of the earlier run.

        Raises:
            OutputError: the disk is full or gone; or nothing of an earlier run would be left, and `overwrite` is not
                set: all of it stays then.
        """
        if self._has_other and not steps:
            self._give_up_earlier()
        self._has_other = False
        for row, details in ((row, one) for step in steps for row, one in zip(step.rows, step.details, strict=True)):
            key = _key(*(row[column] for column in ("level", "source", "frame", "study")))
            if row["level"] != "study":
                self._names(str(row["source"]), None)  # it has the name that it had
            self._keep(key, row, details)
        self._noted = len(self._rows)
        if self._journal:
            with explained(self.folder):
                self._journal.begin(steps)

    def note(self, tried: int, inputs: str, parts: Sequence[tuple[Any, ...]], set_aside: Sequence[SetAside]) -> None:
        """Note everything since the step before: `Step` says what.

        Raises:
            OutputError: the disk is full or gone.
        """
        if self._journal is None:
            return
        rows = tuple(self._rows[self._noted :])
        details = tuple(self._details[-len(rows) :] if rows else ())
        names = [*(name for row in rows for name in _files_of(row)), *(one.lines for one in details if one.lines)]
        with explained(self.folder):
            pictures = {name: checksum_of(self._staging.path / name) for name in names}
            self._journal.add(Step(tried, inputs, rows, details, tuple(parts), tuple(set_aside), pictures))
        self._noted = len(self._rows)

    def add(self, prediction: Prediction) -> None:
        """Write the files of one prediction and remember its row; neither where that fails.

        Raises:
            OutputError: the disk is full or gone.
            BundleError: an output that cannot be right.
            ValueError: it was added before.
        """
        key = _key(prediction.level, prediction.source, prediction.frame, prediction.study)
        if self._finished or key in self._keys:
            state = "the results are finished" if self._finished else "it was added before"
            what = prediction.level if prediction.frame is None else f"frame {prediction.frame}"
            raise ValueError(f"{prediction.source} {what} cannot be added: {state}")
        check_outputs(prediction, self._card)
        place = Place(self._staging.path, self._name(prediction))
        try:
            with explained(self.folder):
                row, details = self._written(prediction, place)
        except Exception:
            place.clear()
            raise
        self._keep(key, row, details)

    def finish(self, set_aside: Sequence[SetAside] = ()) -> Results:
        """Write the tables and the page, and move everything into place.

        Args:
            set_aside: what was not used, and why.

        Returns:
            Results with one row per prediction, in the order in which they were added.

        Raises:
            OutputError: something cannot be written or moved; nothing has changed in the folder then.
        """
        if self._finished:
            raise ValueError(f"the results in {self.folder} are finished already")
        rows, details, staged = complete_rows(self.rows), tuple(self._details), self._staging.path
        with explained(self.folder):
            rows = complete_rows(write_videos(staged, rows, self._derived, self._names.of_file))
            objects = None
            if self._dicom is not None:
                rows, objects = self._write_objects(self._dicom, rows)
            write_results_csv(staged, rows)
            tables = write_listed(staged, rows, details, self._table_format)
            write_set_aside_csv(staged / SET_ASIDE_CSV, set_aside)
            if self._origin is not None:
                origin = json.dumps(describe_origin(self._card, self._origin), indent=2, ensure_ascii=False)
                (staged / ORIGIN_JSON).write_text(f"{origin}\n", encoding="utf-8")
            section = Section(self._card, rows, details, tables, self._origin, WaitingPictures(staged))
            write_report(staged / REPORT_HTML, [section], set_aside)
        self._staging.move_in(ENTRIES)
        self._finished = True
        return Results(self.folder, rows, tuple(set_aside), details, tables, self._origin, objects)

    def _write_objects(
        self, files: Mapping[str, Path], rows: Sequence[Row]
    ) -> tuple[tuple[dict[str, object], ...], Objects]:
        """Write the DICOM objects, and what has none: the rows with their names."""
        writer = ObjectWriter(self._staging.path, self._card, self._origin, files, self._names.of_file, self._derived)
        named, objects = writer.write(rows, self._details)
        if objects.without:
            (self._staging.path / WITHOUT_OBJECTS_CSV).parent.mkdir(exist_ok=True)
            write_set_aside_csv(self._staging.path / WITHOUT_OBJECTS_CSV, objects.without)
        return complete_rows(named), objects

    def _give_up_earlier(self) -> None:
        """Say so before anything is removed, or raise OutputError."""
        if not self._overwrite:
            raise OutputError(
                f"{self.folder / UNFINISHED} holds {_EARLIER}; it would be lost. Run the command that was stopped once "
                "more to finish it, choose another folder, or give it up with --overwrite."
            )
        _log.warning("Begins anew, and removes %s.", _EARLIER)

    def _keep(self, key: tuple[object, ...], row: dict[str, object], details: Details) -> None:
        self._keys.add(key)
        self._rows.append(row)
        self._details.append(details)

    def _written(self, prediction: Prediction, place: Place) -> tuple[dict[str, object], Details]:
        row = row_of(prediction, self._card, place)
        doubts = doubts_of(prediction, row, self._card.plausible, self._card.caution)
        if doubts:
            row[DOUBTS] = "; ".join(doubt.text for doubt in doubts)
        if prediction.image is not None:
            row["overlay"] = self._overlay(prediction, prediction.image, doubts, place)
        return row, _details(prediction, doubts, save_lines(prediction.outputs, place))

    def _name(self, prediction: Prediction) -> str:
        if prediction.level == "study":
            return f"study_{prediction.study:04d}"
        return self._names(prediction.source, prediction.frame)

    def _overlay(self, prediction: Prediction, image: NDArray[np.uint8], doubts: Sequence[Doubt], place: Place) -> str:
        drawn = draw_frame(image, prediction.outputs, caption_lines(prediction, doubts))
        path = place.save_picture(Image.fromarray(drawn.overlay), OVERLAYS)
        place.save_as(waiting_path(path), picture_of(drawn, prediction.outputs))
        return path


def _key(*about: object) -> tuple[object, ...]:
    """By which a row is told from others: its level, source, frame and study."""
    return about


def _files_of(row: Mapping[str, object]) -> Iterator[str]:
    """The files of a row, and what waits for the page."""
    yield from (str(row[column]) for column in file_columns([row]) if row[column])
    if row.get("overlay"):
        yield waiting_path(str(row["overlay"]))


def _details(prediction: Prediction, doubts: Sequence[Doubt], lines: str) -> Details:
    return Details(
        without_pixels(prediction.outputs),
        None if prediction.image is None else shown_size(*prediction.image.shape[:2]),
        marks_nothing(prediction.outputs),
        tuple(doubts),
        dict(next((output.labels for output in prediction.outputs if isinstance(output, Mask)), {})),
        lines,
    )
