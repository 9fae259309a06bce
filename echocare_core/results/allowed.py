"""What is looked at before any work is done: whether results may stand where they should, in the form they should."""

from __future__ import annotations

from pathlib import Path

from echocare_core.errors import OutputError, SettingsError
from echocare_core.optional import check_installed
from echocare_core.result_files import ENTRIES, OF_KINDS, ORIGIN_JSON, RESULTS_CSV, TABLE_FORMATS
from echocare_core.results.table import is_results_csv


def check_format(table_format: str) -> None:
    """Raise before any work is done where the tables of kinds could not be written."""
    if table_format not in TABLE_FORMATS:
        raise SettingsError(f"Unknown table format '{table_format}'; needed one of {', '.join(TABLE_FORMATS)}.")
    if table_format == "parquet":
        check_installed("pyarrow", subject="Parquet", error=OutputError)


def check_free(folder: Path, overwrite: bool) -> None:
    """Raise OutputError where the folder is a file, or holds what the results would replace."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; a folder for the results is needed. Choose another name.")
    taken = [name for name in ENTRIES if (folder / name).exists()]
    other = [name for name in (*OF_KINDS, ORIGIN_JSON, RESULTS_CSV) if name in taken]
    if other and not is_results_csv(folder / RESULTS_CSV):
        raise OutputError(
            f"{folder} holds {' and '.join(other)}, not written by an earlier run; a folder without them is needed,"
            " since results replace them. Choose another folder."
        )
    if taken and not overwrite:
        raise OutputError(
            f"{folder} holds {', '.join(taken)} of an earlier run; an empty or new folder is needed."
            " Choose another folder, or replace those results with --overwrite."
        )
