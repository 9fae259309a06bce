"""Writes what a bundle says about an export: masks and overlays frame by frame, the tables and the page at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PIL import Image

from echocare_core.errors import OutputError
from echocare_core.results.naming import FrameNames
from echocare_core.results.overlay import draw_overlay, mask_image
from echocare_core.results.report import Section, write_report
from echocare_core.results.staging import Staging, explained
from echocare_core.results.table import (
    complete_rows,
    is_results_csv,
    row_of,
    write_results_csv,
    write_set_aside_csv,
)
from echocare_core.results.wording import NOT_CALIBRATED, NOTHING_FOUND, measurement_text
from echocare_core.types import BundleCard, Prediction, Results, SetAside

ENTRIES = ("masks", "overlays", "results.csv", "set_aside.csv", "report.html")
_COMPRESSION = 3  # zlib level: on speckle half the time of the default for a seventh more bytes


class ResultsWriter:
    """Collects the predictions of one run and leaves a complete results folder, or none.

    with ResultsWriter("out", card) as writer:
        for prediction in predictions:
            writer.add(prediction)
        results = writer.finish(set_aside)

    Everything is written to a hidden folder first. `finish` moves it into place; leaving the block without `finish`, by
    an error or otherwise, removes it and leaves the disk as it was.
    """

    def __init__(self, folder: str | Path, card: BundleCard, *, overwrite: bool = False) -> None:
        """Make sure that the results can be written, before any work is done.

        Args:
            folder: where the results will stand; made where it is missing.
            card: of the bundle whose predictions are coming.
            overwrite: replace the results of a former run in that folder, when `finish` is reached.

        Raises:
            OutputError: the folder is a file, cannot be written to, or holds results that would be overwritten.
        """
        self.folder = Path(folder)
        with explained(self.folder):
            _check_free(self.folder, overwrite)
        self._card = card
        self._rows: dict[tuple[str, int], dict[str, object]] = {}
        self._names = FrameNames()
        self._finished = False
        self._staging = Staging(self.folder)
        for name in ("masks", "overlays"):
            (self._staging.path / name).mkdir()

    def __enter__(self) -> ResultsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    @property
    def rows(self) -> tuple[dict[str, object], ...]:
        """The rows so far, in the order in which the frames were added."""
        return tuple(self._rows.values())

    def abandon(self) -> None:
        """Remove what was prepared and leave the disk as it was; what `finish` moved into place stays."""
        self._staging.discard()

    def add(self, prediction: Prediction) -> None:
        """Write mask and overlay of one frame and remember its row.

        Raises:
            OutputError: the disk is full or gone.
            ValueError: the frame was added before, or picture and mask do not belong together.
        """
        key = (prediction.source, prediction.frame)
        if self._finished or key in self._rows:
            state = "the results are finished" if self._finished else "this frame was added before"
            raise ValueError(f"{prediction.source} frame {prediction.frame} cannot be added: {state}")
        overlay = draw_overlay(prediction.image, prediction.mask, prediction.labels, caption_lines(prediction))
        name = self._names(*key)
        row = row_of(prediction, self._card, f"masks/{name}.png", f"overlays/{name}.png")
        with explained(self.folder):
            self._save(mask_image(prediction.mask), str(row["mask"]))
            self._save(Image.fromarray(overlay), str(row["overlay"]))
        self._rows[key] = row

    def finish(self, set_aside: Sequence[SetAside] = ()) -> Results:
        """Write the tables and the page, and move everything into place.

        Args:
            set_aside: what was not used, and why.

        Returns:
            Results with one row per frame, in the order in which the frames were added.

        Raises:
            OutputError: something cannot be written or moved; nothing has changed in the folder then.
        """
        if self._finished:
            raise ValueError(f"the results in {self.folder} are finished already")
        rows, staged = complete_rows(self.rows), self._staging.path
        with explained(self.folder):
            write_results_csv(staged / "results.csv", rows)
            write_set_aside_csv(staged / "set_aside.csv", set_aside)
            write_report(staged / "report.html", [Section(self._card, rows)], set_aside, pictures=staged)
        self._staging.move_in(ENTRIES)
        self._finished = True
        return Results(self.folder, rows, tuple(set_aside))

    def _save(self, picture: Image.Image, name: str) -> None:
        path = self._staging.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, format="PNG", compress_level=_COMPRESSION)


def caption_lines(prediction: Prediction) -> list[str]:
    """What stands below the overlay of a frame, in words."""
    if not prediction.mask.any():
        return [NOTHING_FOUND]
    measured = [measurement_text(item.name, item.value, item.unit) for item in prediction.measurements]
    return measured if prediction.spacing_mm else [*measured, NOT_CALIBRATED]


def _check_free(folder: Path, overwrite: bool) -> None:
    """Raise OutputError where the folder is a file or holds what the results would replace."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; a folder for the results is needed. Choose another name.")
    taken = [name for name in ENTRIES if (folder / name).exists()]
    pictures = [name for name in ("masks", "overlays") if name in taken]
    if pictures and not is_results_csv(folder / "results.csv"):
        raise OutputError(
            f"{folder} holds {' and '.join(pictures)}, not written by an earlier run; a folder without them is needed,"
            " since results replace them. Choose another folder."
        )
    if taken and not overwrite:
        raise OutputError(
            f"{folder} holds {', '.join(taken)} of an earlier run; an empty or new folder is needed."
            " Choose another folder, or replace those results with --overwrite."
        )
