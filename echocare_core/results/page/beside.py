"""The list of what stands beside the page: the tables, and the files of each kind of output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from echocare_core.result_files import ACTIVATIONS, DICOM, HOLDS, MASKS, OVERLAYS, PICTURES, TEXTS, VIDEOS
from echocare_core.results.page.entry import Entry
from echocare_core.results.table import ACTIVATION_FILE, FILE, file_columns
from echocare_core.results.wording import name_text

_TABLES = """<li><a href="results.csv">results.csv</a>: one row per {levels}, every number in it with its unit, {files}
and the checksum of the weights. Opens in Excel. Frames are counted from 0.</li>
<li><a href="set_aside.csv">set_aside.csv</a>: what was not used, and why.</li>"""

_NAMES = {
    "dicom_seg_file": "DICOM segmentation",
    "dicom_overlay_file": "DICOM overlay",
    "dicom_sr_file": "DICOM report",
}


def file_text(column: str) -> str:
    """What a file of a column is called: "dicom_sr_file" is "DICOM report"."""
    return _NAMES.get(column) or name_text(column.removesuffix(FILE))


def list_beside(entries: Sequence[Entry], tables_of_kinds: Sequence[str], where: str) -> str:
    """The items of the list, as HTML.

    Args:
        entries: all that stand on the page.
        tables_of_kinds: names of the tables that kinds of output added, such as "boxes.csv".
        where: words before the files of the kinds; empty where they stand in the folder of the page.
    """
    columns = file_columns(entry.row for entry in entries)
    levels = " or ".join(dict.fromkeys(entry.level for entry in entries)) or "frame"
    tables = _TABLES.format(levels=levels, files=", ".join(f"its {file_text(one)}" for one in columns))
    there = {_folder(column, str(entry.row.get(column))) for column in columns for entry in entries}
    held = [f"{name}/ {HOLDS[name]}" for name in HOLDS if name in there]
    held += [f"{table} {HOLDS[Path(table).stem]}" for table in dict.fromkeys(tables_of_kinds)]
    return f"{tables}\n<li>{where}{'; '.join(held)}.</li>" if held else tables


def _folder(column: str, path: str) -> str:
    """The folder in which a file of a column stands."""
    if column.endswith(ACTIVATION_FILE):
        return ACTIVATIONS
    by_ending = {".png": PICTURES, ".mp4": VIDEOS, ".dcm": DICOM}.get(PurePosixPath(path).suffix, TEXTS)
    return {"mask": MASKS, "overlay": OVERLAYS}.get(column, by_ending)
