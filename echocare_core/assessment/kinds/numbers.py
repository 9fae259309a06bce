"""Measurements beside numbers that a person measured: error, bias and limits of agreement, in one unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

import pandas as pd

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.question import Measure, Question, Unscored
from echocare_core.errors import TableError
from echocare_core.evaluation.agreement import summarise_agreement
from echocare_core.evaluation.averages import mean_of, median_of
from echocare_core.evaluation.estimate import Estimate
from echocare_core.results.wording import unit_symbol

# How many of the second unit one of the first is. Pixels are no length: they become none.
FACTORS = {
    **{("cm", "mm"): 10.0, ("mm", "cm"): 0.1, ("cm2", "mm2"): 100.0, ("mm2", "cm2"): 0.01},
    **{("s", "ms"): 1000.0, ("ms", "s"): 0.001, ("m", "mm"): 1000.0, ("m", "cm"): 100.0},
}
PIXELS = {"mm": "px", "cm": "px", "mm2": "px2", "cm2": "px2", "ml": "px3"}


class NumberQuestion(Question):
    """One measurement.

    Args:
        name: of the column of results, such as "head_circumference_mm".
        column: of the labels, whose unit may be another that can be converted.
        factor: by which a label becomes a number in the unit of the results.
        pixels: column of results that holds the same in pixels, where a frame is not calibrated; "" where none does.
    """

    kind = "Measurement"
    rule = (
        "Of several results for one label the median counts; of a cine or study without the number, that of its frames."
    )

    def __init__(self, name: str, column: str, factor: float = 1.0, pixels: str = "") -> None:
        super().__init__(name)
        self.column, self.factor, self.pixels = column, factor, pixels
        self.worst = (f"{name}_error", True)
        self.unit = name.rpartition("_")[2]

    @property
    def words(self) -> str:
        """The name for people."""
        return self.name.rpartition("_")[0].replace("_", " ")

    def is_labelled(self, case: Case) -> bool:
        """Whether a number stands there."""
        return bool(case.cell(self.column))

    def score(self, case: Case) -> dict[str, object]:
        """The number of the results, that of the label, their difference and its size."""
        reference = self._reference(case)
        values = self._values(case.rows) or self._values(case.frames)
        if not values:
            calibrated = not any(row.get(self.pixels) for row in (*case.rows, *case.frames))
            raise Unscored("nothing was measured" if calibrated else "it is not calibrated: measured in pixels only")
        value = median(values)
        return {
            self.name: value,
            f"{self.name}_reference": reference,
            f"{self.name}_difference": value - reference,
            f"{self.name}_error": abs(value - reference),
        }

    def _values(self, rows: Sequence[Mapping[str, str]]) -> list[float]:
        return [float(row[self.name]) for row in rows if row.get(self.name)]

    def _reference(self, case: Case) -> float:
        cell = case.cell(self.column)
        try:
            number = math.nan if "_" in cell else float(cell)  # Python reads 1_000 as a thousand
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise TableError(f"has '{cell}' as {self.column}, needed a number or nothing")
        return number * self.factor

    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """Mean and median error, and the mean difference (bias)."""
        unit, words = self.unit, self.words
        return (
            Measure(
                f"{self.name}_error", f"Error of {words}, mean", mean_of(f"{self.name}_error", unit), "lower", True
            ),
            Measure(
                f"{self.name}_median_error", f"Error of {words}, median", median_of(f"{self.name}_error", unit), "lower"
            ),
            Measure(f"{self.name}_bias", f"Difference of {words}, mean", mean_of(f"{self.name}_difference", unit), ""),
        )

    def prepared(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With `measured` and `truth`, as agreement reads them."""
        return rows.assign(measured=rows[self.name], truth=rows[f"{self.name}_reference"])

    def more(self, rows: pd.DataFrame) -> Mapping[str, Estimate]:
        """Bias, limits of agreement, and the others of `summarise_agreement`."""
        return summarise_agreement(rows, self.unit)

    @property
    def symbol(self) -> str:
        """The unit as it is printed."""
        return unit_symbol(self.unit)


def number_question(column: str, measured: Sequence[str]) -> NumberQuestion | None:
    """The question that a column of labels asks of measured columns; None where it asks none.

    Args:
        column: of the labels, such as "head_circumference_cm".
        measured: columns of results.

    Raises:
        TableError: the bundle measures it in a unit that the label's cannot be converted to.
    """
    name, _, unit = column.rpartition("_")
    same = [one for one in measured if one.rpartition("_")[0] == name]
    if not name or not same:
        return None
    if column in same:
        pixels = f"{name}_{PIXELS.get(unit, '')}"
        return NumberQuestion(column, column, pixels=pixels if pixels in same else "")
    for one in same:
        own = one.rpartition("_")[2]
        if (unit, own) in FACTORS:
            pixels = f"{name}_{PIXELS.get(own, '')}"
            return NumberQuestion(one, column, FACTORS[unit, own], pixels if pixels in same else "")
    found = ", ".join(one.rpartition("_")[2] for one in same)
    hint = (
        "The files are not calibrated: measure the labels in pixels, or export files with their scale."
        if unit in PIXELS and found in ("px", "px2", "px3")
        else "Write the labels in that unit, and name the column so."
    )
    raise TableError(f"The labels have {name} in {unit}, the results in {found}, which cannot be compared. {hint}")
