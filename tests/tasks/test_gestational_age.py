"""Gestational age from head circumference: the published curve with its interval, and none where it does not hold."""

import math

import pytest

from echocare_core.tasks.gestational_age import measure_gestational_age
from echocare_core.types import Measurement


def age_of(value, unit="mm"):
    return [one.value for one in measure_gestational_age(Measurement("head_circumference", value, unit))]


@pytest.mark.parametrize(("circumference_mm", "weeks"), [(151, 18.1469), (224, 24.4278), (301, 33.3953)])
def test_the_age_is_that_of_the_tables_in_scanners(circumference_mm, weeks):
    """Rows of "GA by HC, Hadlock 1984" as the references of a SuperSonic MACH print them."""
    assert age_of(circumference_mm)[0] == pytest.approx(weeks, abs=1e-3)


@pytest.mark.parametrize(("circumference_mm", "off"), [(140, 1.19), (180, 1.48), (250, 2.06), (300, 2.98), (345, 3.20)])
def test_the_interval_is_two_standard_errors_of_its_age_on_both_sides(circumference_mm, off):
    age, low, high = age_of(circumference_mm)
    assert (age - low, high - age) == pytest.approx((off, off))


def test_the_names_and_the_unit_say_what_they_are():
    found = measure_gestational_age(Measurement("head_circumference", 200.0, "mm"))
    assert [one.column for one in found] == [
        "gestational_age_week", "gestational_age_low_week", "gestational_age_high_week",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit"), [(60.0, "mm"), (89.0, "mm"), (362.0, "mm"), (200.0, "px"), (math.nan, "mm")],
    ids=["first trimester", "just below 14 weeks", "above 42 weeks", "in pixels", "unknown"],
)  # fmt: skip
def test_there_is_no_age_where_the_formula_does_not_hold(value, unit):
    assert all(map(math.isnan, age_of(value, unit)))


def test_the_age_is_known_at_the_ends_of_its_range():
    assert [round(age_of(circumference_mm)[0]) for circumference_mm in (90, 357)] == [14, 42]
