"""Measurements on the page: the value of a still, median and range of several frames."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from statistics import median

from echocare_core.results.page.entry import Entry
from echocare_core.results.page.tables import table
from echocare_core.results.wording import name_text, number_text, unit_symbol, value_text
from echocare_core.types import Measurement

UNKNOWN = "unknown"


def show_measurements(entries: Sequence[Entry]) -> str:
    """A table of what was measured; empty where nothing was. What is unknown, or not plausible, is called so."""
    measured = finite_measurements(entries)
    if not measured:
        return ""
    named = dict.fromkeys(one.name for entry in entries for one in entry.of(Measurement))
    unknown = [name for name in named if name not in {known for known, _ in measured}]
    doubted = Counter(column for entry in entries for _, _, column in entry.details.doubts if column)
    heads = ["Measurement", "Value"] if len(entries) == 1 else ["Measurement", "Median", "Range", "Frames"]
    cells = [
        _cells(name, unit, values, len(entries), doubted[Measurement(name, 0, unit).column])
        for (name, unit), values in measured.items()
    ]
    blank = [""] * (len(heads) - 2)
    return table(heads, [*cells, *([escape(name_text(name)), UNKNOWN, *blank] for name in unknown)])


def finite_measurements(entries: Sequence[Entry]) -> dict[tuple[str, str], list[float]]:
    """The values of each measurement, by its name and unit."""
    measured: dict[tuple[str, str], list[float]] = {}
    for one in (one for entry in entries for one in entry.of(Measurement) if math.isfinite(one.value)):
        measured.setdefault((one.name, one.unit), []).append(one.value)
    return measured


def _cells(name: str, unit: str, values: Sequence[float], frames: int, doubted: int) -> list[str]:
    value = f"<strong>{escape(value_text(median(values), unit))}</strong>"
    mark = f'<br><span class="doubt">{counted_doubts(doubted, frames)}</span>' if doubted else ""
    if frames == 1:
        return [escape(name_text(name)), value + mark]
    low, high = number_text(min(values), unit), number_text(max(values), unit)
    return [
        escape(name_text(name)), value, escape(f"{low} to {high} {unit_symbol(unit)}".strip()),
        f"{len(values)} of {frames}{mark}",
    ]  # fmt: skip


def counted_doubts(doubted: int, frames: int) -> str:
    """How often a number is not plausible: alone "not plausible", of several frames "2 not plausible"."""
    return "not plausible" if frames == 1 else f"{doubted} not plausible"
