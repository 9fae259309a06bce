"""Numbers with their intervals, in words and as tables of the page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from html import escape

from echocare_core.assessment.kinds.question import Measure
from echocare_core.evaluation.estimate import Estimate
from echocare_core.results.page.tables import table
from echocare_core.results.wording import unit_symbol

NOT_KNOWN = "not known"


def value_text(value: float, unit: str = "") -> str:
    """A number with as many digits as its interval carries: three decimals of a share, two of a length."""
    if not math.isfinite(value):
        return NOT_KNOWN
    digits = f"{value:.2f}" if unit and abs(value) < 100 else f"{value:.1f}" if unit else f"{value:.3f}"
    return f"{digits} {unit_symbol(unit)}".strip()


def interval_text(one: Estimate) -> str:
    """The 95 % interval, "" where there is none."""
    if not math.isfinite(one.low):
        return ""
    unit = one.unit
    return f"{value_text(one.low, unit).removesuffix(unit_symbol(unit)).strip()} to {value_text(one.high, unit)}"


def unbroken(text: str) -> str:
    """Numbers as HTML in lines that break behind "to" alone, never between a number and its unit."""
    return re.sub(r"(?<=\d) ", "&nbsp;", escape(text))


def estimate_cells(one: Estimate) -> list[str]:
    """Number, interval, cases, patients and warning of a number, as HTML."""
    warning = f'<span class="warns">{escape(one.warning)}</span>' if one.warning else ""
    return [
        f"<strong>{unbroken(value_text(one.estimate, one.unit))}</strong>",
        unbroken(interval_text(one)) or "none",
        str(one.images),
        str(one.groups),
        warning,
    ]


HEADS = ("Measure", "Number", "95 % interval", "Cases", "Patients", "Warning")


def numbers_table(name: str, rows: Sequence[Sequence[str]], heads: Sequence[str] = HEADS) -> str:
    """Rows of numbers as HTML, without the column of warnings where there is none.

    Args:
        name: of the table, as text.
        rows: of cells, as HTML, that of the warning last.
        heads: of the columns, as HTML.
    """
    if not any(row[-1] for row in rows):
        rows, heads = [row[:-1] for row in rows], heads[:-1]
    return scrolling(name, table(heads, rows))


MORE = {  # of calibration and of agreement, in words
    **{"lower_limit": "Lower limit of agreement", "upper_limit": "Upper limit of agreement"},
    **{"proportional_bias": "Slope of the difference on the size (0 is best)", "icc": "ICC(2,1)"},
    **{"slope": "Calibration slope (1 is best)", "in_the_large": "Calibration in the large (0 is best)"},
    "expected_calibration_error": "Calibration error",
    "auc_per_patient": "AUC per patient, mean of a patient's images",
    "balanced_accuracy_per_patient": "Balanced accuracy per patient, mean of a patient's images",
}


def measures_table(name: str, measures: Sequence[tuple[Measure, Estimate]], more: Mapping[str, Estimate]) -> str:
    """All numbers of a question, by its name, as HTML."""
    rows = [[escape(measure.words), *estimate_cells(number)] for measure, number in measures]
    rows += [[escape(words), *estimate_cells(more[name])] for name, words in MORE.items() if name in more]
    return numbers_table(f"All numbers of {name}", rows)


def scrolling(name: str, inside: str) -> str:
    """A table that may be wider than a telephone; it can be scrolled by the keyboard."""
    return f'<div class="scrolls" tabindex="0" role="region" aria-label="{escape(name)}">{inside}</div>\n'
