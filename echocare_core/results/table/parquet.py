"""A table as Parquet: numbers whole, not as text, and written some rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from echocare_core.errors import OutputError
from echocare_core.optional import import_package
from echocare_core.results.table.cells import Row

ROWS_AT_ONCE = 1024


def write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows under the names of their columns, numbers as float32.

    A column's type is that of its first value; one without a value among the first rows, such as `frame` of cines, is
    of whole numbers.

    Args:
        path: of the file.
        columns: of the table, in order.
        rows: one at least.

    Raises:
        OutputError: pyarrow is not installed.
    """
    pa, parquet = (
        import_package(name, subject="Parquet", error=OutputError) for name in ("pyarrow", "pyarrow.parquet")
    )
    kinds = {str: pa.string(), float: pa.float32()}
    rows = iter(rows)
    some = list(islice(rows, ROWS_AT_ONCE))
    known = {column: next((row[column] for row in some if row[column] is not None), 0) for column in columns}
    schema = pa.schema([(column, kinds.get(type(value), pa.int32())) for column, value in known.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        while some:
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            some = list(islice(rows, ROWS_AT_ONCE))
