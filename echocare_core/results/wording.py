"""How a measurement is said to a person: the same words under the overlay and in the report."""

from __future__ import annotations

NOT_CALIBRATED = "no calibration in the file: lengths in pixels"
NOTHING_FOUND = "nothing found"

_UNITS = {"mm2": "mm²", "cm2": "cm²", "px2": "px²", "percent": "%", "px": "px", "count": ""}
_WHOLE_FROM = {"mm2": 100.0, "cm2": 100.0, "px2": 0.0, "px": 0.0, "count": 0.0}  # from here on, decimals say nothing
_ONE_DECIMAL = {"mm", "cm", "ml", "ms", "mm2", "cm2", "percent"}


def split_column(column: str) -> tuple[str, str]:
    """Name and unit of a column of `results.csv`: "lesion_area_mm2" is ("lesion_area", "mm2")."""
    name, _, unit = column.rpartition("_")
    return name, unit


def name_text(name: str) -> str:
    """A name in plain words: "lesion_area" is "lesion area"."""
    return name.replace("_", " ").strip()


def value_text(value: float, unit: str) -> str:
    """A value as a person reads it, with its unit: 123.4 and "mm2" give "123 mm²"."""
    return f"{number_text(value, unit)} {unit_symbol(unit)}".strip()


def number_text(value: float, unit: str) -> str:
    """The value alone, no more digits than a ruler on the picture would give."""
    if abs(value) >= _WHOLE_FROM.get(unit, float("inf") if unit in _ONE_DECIMAL else 100.0):
        return f"{value:.0f}"
    return f"{value:.1f}" if unit in _ONE_DECIMAL else f"{value:.3g}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 frame", "2 frames"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def measurement_text(name: str, value: float, unit: str) -> str:
    """One line for a person: "lesion area 123 mm²"."""
    return f"{name_text(name)} {value_text(value, unit)}"


def unit_symbol(unit: str) -> str:
    """The unit as it is printed: "mm2" is "mm²"."""
    return _UNITS.get(unit, unit)
