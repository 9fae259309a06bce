"""The tables of a run: `results.csv`, one row per frame, cine or study, and what the kinds of output add."""

from echocare_core.results.table.cells import Row, cell, is_results_csv, write_set_aside_csv
from echocare_core.results.table.class_activation import ACTIVATION_FILE, evidence_of
from echocare_core.results.table.rows import (
    DOUBTS,
    FILE,
    NOTES,
    check_outputs,
    complete_rows,
    file_columns,
    row_of,
    write_listed,
    write_results_csv,
)

__all__ = [
    "ACTIVATION_FILE",
    "DOUBTS",
    "FILE",
    "NOTES",
    "Row",
    "cell",
    "check_outputs",
    "complete_rows",
    "evidence_of",
    "file_columns",
    "is_results_csv",
    "row_of",
    "write_listed",
    "write_results_csv",
    "write_set_aside_csv",
]
