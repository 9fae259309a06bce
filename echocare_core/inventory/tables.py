"""The tables that an inventory writes: what to train and predict from, what was set aside, and one row per series.

They name files by their paths, which may carry names of patients where the export's folders do, so that only their
owner may read them. They hold no other word of who it is: groups, studies and series are pseudonyms.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from echocare_core.atomic import OWNER_ALONE, replacing
from echocare_core.errors import OutputError
from echocare_core.frames.policy import SAME_BYTES, SAME_OBJECT
from echocare_core.inventory.copies import COPY, KEPT, USED
from echocare_core.inventory.store import Store
from echocare_core.optional import import_package
from echocare_core.spreadsheet import path_cell, text_cell

TABLE, PARQUET, SET_ASIDE, SERIES = "table.csv", "table.parquet", "set_aside.csv", "series.csv"
ROWS_AT_ONCE = 10_000
# Columns of the table: those of data_manifests/README.md, then what the headers say. `mask` and `frame` are for people
# to fill in.
COLUMNS = {
    "image": "source",
    "mask": "''",
    "frame": "NULL",
    "group": "patient_group",
    "split": "split",
    "frames": "frames",
    "height_px": "height_px",
    "width_px": "width_px",
    "row_mm": "row_mm",
    "column_mm": "column_mm",
    "regions": "regions",
    "modality": "modality",
    "body_part": "body_part",
    "scanner": "scanner",
    "transfer_syntax": "transfer_syntax",
    "burned_in": "burned_in",
    "study": "study",
    "series": "series",
    "object": "instance",
    "uid_conflict": "conflict",
    "same_as": "same_as",
}
PATHS = {"image", "source"}
WHOLE = {"frame", "frames", "height_px", "width_px", "uid_conflict"}
LENGTHS = {"row_mm", "column_mm"}
COPIES = {"dicom": SAME_OBJECT.format(first=KEPT), "picture": SAME_BYTES.format(first=KEPT)}
OF_COPIES = " ".join(f"WHEN '{kind}' THEN '{reason}'" for kind, reason in COPIES.items())
ASIDE = f"""
    SELECT source, REPLACE(
        CASE role WHEN '{COPY}' THEN CASE kind {OF_COPIES} END ELSE reason END, '{KEPT}', COALESCE(same_as, '{KEPT}')
    ) AS reason, same_as
    FROM files WHERE NOT ({USED}) ORDER BY source
"""
BY_SERIES = f"""
    SELECT study, series, MIN(patient_group) AS "group", MIN(modality) AS modality, COUNT(*) AS objects,
        SUM({USED}) AS usable, SUM(frames) AS frames, SUM(size) AS bytes
    FROM files WHERE kind = 'dicom' GROUP BY study, series ORDER BY study, series
"""


def write_tables(store: Store, root: Path, folder: Path, *, parquet: bool) -> None:
    """Write `table.csv`, `set_aside.csv` and `series.csv`, each whole or not at all.

    Args:
        store: grouped.
        root: what sources are relative to; paths in the table are relative to `folder`, as its format wants it.
        folder: for the tables.
        parquet: write `table.parquet` too, with the same columns.

    Raises:
        OutputError: Parquet without pyarrow.
    """
    cells = ", ".join(f'{value} AS "{name}"' for name, value in COLUMNS.items())
    query = f"SELECT {cells} FROM files WHERE {USED} ORDER BY source"
    way = _way(folder, root)
    if parquet:
        _write_parquet(folder / PARQUET, _with_way(store.database.execute(query), way))
    _write_csv(folder / TABLE, list(COLUMNS), _with_way(store.database.execute(query), way))
    for name, select in ((SET_ASIDE, ASIDE), (SERIES, BY_SERIES)):
        rows = store.database.execute(select)
        _write_csv(folder / name, [column for column, *_ in rows.description], rows)


def _way(folder: Path, root: Path) -> str:
    """From the tables to the export: relative where there is a way, as there is not between two Windows drives."""
    try:
        return Path(os.path.relpath(root.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return root.resolve().as_posix()


def _with_way(rows: Iterator[Sequence[Any]], way: str) -> Iterator[Sequence[Any]]:
    return ((f"{way}/{source}", *rest) for source, *rest in rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    with replacing(path, OWNER_ALONE) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([*map(_cell, columns, row)] for row in rows)


def _cell(column: str, value: Any) -> Any:
    return path_cell(value) if column in PATHS and isinstance(value, str) else text_cell(value)


def _write_parquet(path: Path, rows: Iterator[Sequence[Any]]) -> None:
    pa, parquet = (
        import_package(name, subject="Parquet", error=OutputError) for name in ("pyarrow", "pyarrow.parquet")
    )
    kinds = {name: pa.int32() for name in WHOLE} | {name: pa.float64() for name in LENGTHS}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    with replacing(path, OWNER_ALONE) as unfinished, parquet.ParquetWriter(unfinished, schema) as writer:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            columns = [
                pa.array(column, field.type) for column, field in zip(zip(*some, strict=True), schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
