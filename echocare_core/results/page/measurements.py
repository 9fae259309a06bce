"""Measurements on the page: the value of a still, median and range of several frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from statistics import median

from echocare_core.results.page.entry import Entry
from echocare_core.results.page.tables import table
from echocare_core.results.wording import name_text, number_text, unit_symbol, value_text
from echocare_core.types import Measurement


def show_measurements(entries: Sequence[Entry]) -> str:
    """A table of what was measured; empty where nothing was."""
    measured: dict[tuple[str, str], list[float]] = {}
    for one in (one for entry in entries for one in entry.of(Measurement) if math.isfinite(one.value)):
        measured.setdefault((one.name, one.unit), []).append(one.value)
    if not measured:
        return ""
    heads = ["Measurement", "Value"] if len(entries) == 1 else ["Measurement", "Median", "Range", "Frames"]
    return table(heads, [_cells(name, unit, values, len(entries)) for (name, unit), values in measured.items()])


def _cells(name: str, unit: str, values: Sequence[float], frames: int) -> list[str]:
    cells = [escape(name_text(name)), f"<strong>{escape(value_text(median(values), unit))}</strong>"]
    if frames > 1:
        low, high = number_text(min(values), unit), number_text(max(values), unit)
        cells += [escape(f"{low} to {high} {unit_symbol(unit)}".strip()), f"{len(values)} of {frames}"]
    return cells
