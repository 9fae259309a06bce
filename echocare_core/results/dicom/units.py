"""Units as the Unified Code for Units of Measure (UCUM) writes them, which reports use (PS3.16 section 7.2.2)."""

from __future__ import annotations

import re

from echocare_core.results.wording import name_text
from echocare_core.types import Code

# What stands behind the last _ of a column of `results.csv`; pixels and counts are dimensionless and say of what.
_KNOWN = {
    **{"mm": ("mm", "millimeter"), "cm": ("cm", "centimeter"), "m": ("m", "meter")},
    **{"mm2": ("mm2", "square millimeter"), "cm2": ("cm2", "square centimeter"), "m2": ("m2", "square meter")},
    **{"mm3": ("mm3", "cubic millimeter"), "cm3": ("cm3", "cubic centimeter"), "ml": ("mL", "milliliter")},
    **{"px": ("{pixels}", "pixels"), "px2": ("{pixels2}", "square pixels"), "px3": ("{pixels3}", "cubic pixels")},
    **{"percent": ("%", "percent"), "ms": ("ms", "millisecond"), "s": ("s", "second"), "bpm": ("/min", "per minute")},
    **{"mm/s": ("mm/s", "millimeter per second"), "cm/s": ("cm/s", "centimeter per second")},
    **{"m/s": ("m/s", "meter per second"), "degree": ("deg", "degree"), "mmhg": ("mm[Hg]", "millimeter of mercury")},
    **{"ml/m2": ("mL/m2", "milliliter per square meter"), "week": ("wk", "week"), "day": ("d", "day")},
}
RATIO, PERCENT = Code("{ratio}", "UCUM", "ratio"), Code("%", "UCUM", "percent")
_NO_ANNOTATION = re.compile(r"[^!-z|~]|[{}]")  # signs that UCUM does not have between its braces
_LONGEST_CODE, _LONGEST_MEANING = 16, 64


def ucum_code(unit: str, name: str = "") -> Code:
    """The code of a unit of `Measurement`.

    A unit that is not known here is a note between braces, which UCUM allows anywhere and which claims nothing.

    Args:
        unit: such as "mm2", or "count".
        name: of what is measured, which a count is said of.
    """
    if unit in _KNOWN:
        return Code(_KNOWN[unit][0], "UCUM", _KNOWN[unit][1])
    of = name if unit == "count" and name else unit
    return Code(_annotation(of), "UCUM", name_text(of)[:_LONGEST_MEANING])


def _annotation(words: str) -> str:
    return "{" + _NO_ANNOTATION.sub("_", words)[: _LONGEST_CODE - 2] + "}"
