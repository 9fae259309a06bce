"""A table as Parquet: numbers whole, not as text, and written some rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from echocare_core.errors import OutputError
from echocare_core.optional import import_package
from echocare_core.results.table.cells import Row

ROWS_AT_ONCE = 1024


def write_parquet(path: Path, columns: Mapping[str, type], rows: Iterable[Row]) -> None:
    """Write rows under the names of their columns: texts, whole numbers as int32, other numbers as float32.

    Args:
        path: of the file.
        columns: of the table, in order, with the type of their values: str, int or float; None is a blank.
        rows: column to value.

    Raises:
        OutputError: pyarrow is not installed.
    """
    pa, parquet = (
        import_package(name, subject="Parquet", error=OutputError) for name in ("pyarrow", "pyarrow.parquet")
    )
    kinds = {str: pa.string(), int: pa.int32(), float: pa.float32()}
    schema = pa.schema([(column, kinds[kind]) for column, kind in columns.items()])
    rows = iter(rows)
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist([_in_utf8(row) for row in some], schema=schema))


def _in_utf8(row: Row) -> dict[str, object]:
    """A row in which bytes of a file name that are no text are spelled, as in the tables in CSV."""
    return {
        column: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for column, value in row.items()
    }
