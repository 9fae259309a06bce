"""What a bundle said of each file, and what it set aside, read back from its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from echocare_core.assessment.results_folder import read_results
from echocare_core.frames.manifest import read_csv
from echocare_core.result_files import REPORT_HTML, SET_ASIDE_CSV
from echocare_core.results.page.cases import file_anchors
from echocare_core.results.table import DOUBTS
from echocare_core.results.wording import NOTHING_FOUND
from echocare_core.routing.routed import Ran
from echocare_core.types import SetAside


def read_said(folder: Path, name: str) -> Mapping[str, Ran]:
    """What a bundle did with each file that it measured, by its source.

    Args:
        folder: of its results.
        name: of the bundle, under which that folder will stand.

    Raises:
        OutputError: they are not there.
    """
    rows = read_results(folder).rows.to_dict("records")
    number = Counter(row["source"] for row in rows if row["level"] != "study")
    doubted = Counter(row["source"] for row in rows if row["level"] != "study" and _is_doubted(row))
    frames = [row for row in rows if row["level"] == "frame"]
    empty = {row["source"] for row in frames} - {row["source"] for row in frames if not _is_empty(row)}
    return {
        source: Ran(name, f"{name}/{REPORT_HTML}#{anchor}", number[source], doubted[source], source in empty)
        for source, anchor in file_anchors(rows).items()
    }


def _is_doubted(row: Mapping[str, str]) -> bool:
    """Whether something speaks against a row, beside that nothing was found."""
    return row.get(DOUBTS, "") not in ("", NOTHING_FOUND)


def _is_empty(row: Mapping[str, str]) -> bool:
    return NOTHING_FOUND in row.get(DOUBTS, "").split("; ")


def read_aside(folder: Path) -> tuple[SetAside, ...]:
    """What a run set aside."""
    rows = read_csv(folder / SET_ASIDE_CSV, ()).to_dict("records")
    return tuple(
        SetAside(
            row["source"].removeprefix("./"),
            row["reason"],
            int(row["frame"]) if row["frame"] else None,
            row.get("image", "").removeprefix("./"),
        )
        for row in rows
    )
