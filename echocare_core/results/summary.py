"""One page and one table over several runs whose folders stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from echocare_core.disk import explained
from echocare_core.errors import OutputError
from echocare_core.result_files import REPORT_HTML, SET_ASIDE_CSV, TABLES_AND_PAGE
from echocare_core.results.page import PagePictures, Section, write_report
from echocare_core.results.staging import Staging
from echocare_core.results.table import Row, complete_rows, file_columns, write_results_csv, write_set_aside_csv
from echocare_core.types import BundleCard, Results


def write_summary(folder: str | Path, results: Sequence[tuple[BundleCard, Results]]) -> Results:
    """Write one report.html, results.csv and set_aside.csv over several runs; a former summary is replaced.

    Args:
        folder: where the summary will stand.
        results: each run with the card of its bundle; its folder stands somewhere inside `folder`.

    Returns:
        Results of all runs, their files relative to `folder`. What several runs set aside for the same
        reason is named once.

    Raises:
        OutputError: a run stands elsewhere, or the summary cannot be written; a former one is unchanged then.
    """
    folder = Path(folder)
    moved = [_rows_seen_from(folder, run) for _, run in results]
    set_aside = tuple(dict.fromkeys(item for _, run in results for item in run.set_aside))
    rows = complete_rows(row for run_rows in moved for row in run_rows)
    staging = Staging(folder)
    try:
        with explained(folder):
            sections = [
                Section(card, run_rows, run.details, run.tables, run.origin, _pictures_of(folder, run))
                for (card, run), run_rows in zip(results, moved, strict=True)
            ]
            write_results_csv(staging.path, rows)
            write_set_aside_csv(staging.path / SET_ASIDE_CSV, set_aside)
            write_report(staging.path / REPORT_HTML, sections, set_aside)
        staging.move_in(TABLES_AND_PAGE)
    except BaseException:
        staging.discard()
        raise
    return Results(folder, rows, set_aside, tuple(one for _, run in results for one in run.details))


def _pictures_of(folder: Path, run: Results) -> PagePictures:
    """The pictures on the page of a run, by the paths that its rows have in the summary."""
    return PagePictures(run.folder / REPORT_HTML, f"{_inside(folder, run)}/")


def _rows_seen_from(folder: Path, run: Results) -> list[Row]:
    """The rows of a run with the paths of its files relative to the folder of the summary."""
    inside = _inside(folder, run)
    return [
        {**row, **{column: str(inside / str(row[column])) for column in file_columns([row]) if row[column]}}
        for row in run.rows
    ]


def _inside(folder: Path, run: Results) -> PurePosixPath:
    try:
        return PurePosixPath(run.folder.resolve().relative_to(folder.resolve()).as_posix())
    except ValueError:
        raise OutputError(
            f"{run.folder} is not inside {folder}; a summary links the pictures of its runs by relative paths."
            " Write the runs into subfolders of the summary's folder."
        ) from None
