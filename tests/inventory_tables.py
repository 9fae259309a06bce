"""Reading back the tables of an inventory."""

from __future__ import annotations

import csv
from pathlib import Path


def table_of(path: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV by the name of the file they are about."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return {Path(row.get("image") or row["source"]).name: row for row in found}
