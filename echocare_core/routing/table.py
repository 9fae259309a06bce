"""The tables over all files of an export: `results.csv`, a row for each, and `set_aside.csv`."""

from __future__ import annotations

from pathlib import Path

from echocare_core.bundle import is_name
from echocare_core.frames.manifest import read_csv
from echocare_core.result_files import RESULTS_CSV, SET_ASIDE_CSV
from echocare_core.results.table import is_results_csv, write_set_aside_csv
from echocare_core.results.table.cells import write_table
from echocare_core.routing.routed import Route, Routed

COLUMNS = tuple(Route("").row)
WHERE_SAID = {"image", "taken_for", "doubt"}  # columns that are there where some file has them


def write_tables(folder: Path, routed: Routed) -> None:
    """Write both into a folder; the columns `WHERE_SAID` stand there where some file has them."""
    columns = [name for name in COLUMNS if name not in WHERE_SAID or any(route.row[name] for route in routed.routes)]
    write_table(folder / RESULTS_CSV, columns, routed)
    write_set_aside_csv(folder / SET_ASIDE_CSV, routed.set_aside)


def read_bundles(path: Path) -> list[str]:
    """The bundles that such a table names, if it is there, and whose results stand beside it."""
    if not is_routes_csv(path):
        return []
    named = {name for cell in read_csv(path, ())["bundles"] for name in cell.split("; ") if name and is_name(name)}
    return sorted(name for name in named if is_results_csv(path.parent / name / RESULTS_CSV))


def is_routes_csv(path: Path) -> bool:
    """Whether a file is there and begins like a table over all files."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return set(file.readline().strip().split(",")) >= {*COLUMNS} - WHERE_SAID
