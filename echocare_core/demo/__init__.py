"""Two bundles on the small export that comes with this package: what the project does with a scanner's folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pydicom

from echocare_core.bundle import find_bundle, read_card
from echocare_core.disk import explained
from echocare_core.errors import OutputError
from echocare_core.result_files import RESULTS_CSV, TABLES_AND_PAGE
from echocare_core.results.staging import Staging, settle
from echocare_core.results.summary import write_summary
from echocare_core.results.table import is_results_csv
from echocare_core.types import Results

HERE = Path(__file__).parent
EXPORT, ATTRIBUTION = HERE / "export", HERE / "ATTRIBUTION.md"  # shipped with the package
PARTS = {"breast_lesion_segmentation": "BREAST", "fetal_head_segmentation": "FETAL"}  # bundle: part of the export
ENTRIES = ("export", *PARTS, *TABLES_AND_PAGE)

# A cine of a real scanner that comes with pydicom from 3.0 on. It shows a heart: a bundle measures whatever it is
# given, and marks what looks like something else. The demo shows that openly, under a name that says so.
CLIP = Path(pydicom.__file__).parent / "data" / "test_files" / "examples_ybr_color.dcm"
CLIP_SOURCE = "FETAL/heart_not_a_head/IM000001"

_log = logging.getLogger(__name__)


def run_demo(out: Path, *, overwrite: bool = False) -> Results:
    """Run two bundles on the export that comes with this package.

    Each bundle sees one part of the export: images of the breast, images of the fetal head and, to show what becomes of
    a picture that a bundle is not meant for, a clip of a heart. All is prepared in a hidden folder and moved into place
    at the end, so a demo that fails leaves nothing behind.

    Args:
        out: folder for `export/`, one results folder per bundle, and `report.html`, `results.csv` and `set_aside.csv`
            over both.
        overwrite: replace a former demo in `out`.

    Returns:
        Results of both bundles; `source` is relative to `out`/export.

    Raises:
        OutputError: `out` cannot be written, holds a former demo that may not be replaced, or files of other origin.
        BundleError: a bundle or its weights are missing.
    """
    out = Path(out)
    with explained(out):
        settle(out)
        _check_free(out, overwrite)
    cards = {bundle: read_card(find_bundle(bundle)) for bundle in PARTS}
    with _prepared(out) as staging:
        with explained(out):
            _lay_out_export(staging.path / "export")
        runs = {bundle: _run(bundle, part, staging.path) for bundle, part in PARTS.items()}
        results = write_summary(staging.path, [(cards[bundle], run) for bundle, run in runs.items()])
        staging.move_in(ENTRIES)
    return replace(results, folder=out)


def _run(bundle: str, part: str, folder: Path) -> Results:
    """Run one bundle on its part of the export; sources are relative to the whole export then."""
    from echocare_core.prediction import predict

    results = predict(bundle, folder / "export" / part, folder / bundle)
    rows = tuple({**row, "source": f"{part}/{row['source']}"} for row in results.rows)
    set_aside = tuple(replace(item, source=f"{part}/{item.source}") for item in results.set_aside)
    return replace(results, rows=rows, set_aside=set_aside)


def _lay_out_export(folder: Path) -> None:
    """Copy the export with its attribution, and add pydicom's clip where this pydicom has it."""
    shutil.copytree(EXPORT, folder, copy_function=shutil.copyfile)
    shutil.copyfile(ATTRIBUTION, folder / ATTRIBUTION.name)
    if not CLIP.is_file():
        _log.warning("The cine of a heart is left out: this pydicom (%s) does not ship it.", pydicom.__version__)
        return
    (folder / CLIP_SOURCE).parent.mkdir(parents=True)
    shutil.copyfile(CLIP, folder / CLIP_SOURCE)


@contextmanager
def _prepared(out: Path) -> Iterator[Staging]:
    """A hidden folder to work in; it is removed, and `out` with it where that is new, if anything fails."""
    staging = Staging(out)
    try:
        yield staging
    except BaseException:
        staging.discard()
        raise


def _check_free(out: Path, overwrite: bool) -> None:
    """Raise OutputError where `out` is a file, or holds what must not be replaced."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; a folder for the demo is needed. Choose another name.")
    taken = [name for name in ENTRIES if (out / name).exists()]
    if taken and not (is_results_csv(out / RESULTS_CSV) and (out / "export" / ATTRIBUTION.name).is_file()):
        raise OutputError(
            f"{out} holds {', '.join(taken)}, not written by an earlier demo; a folder without them is needed, since"
            " the demo replaces them. Choose another folder."
        )
    if taken and not overwrite:
        raise OutputError(
            f"{out} holds {', '.join(taken)} of an earlier demo; an empty or new folder is needed."
            " Choose another folder, or replace that demo with --overwrite."
        )
