from __future__ import annotations

import math

import pytest

from echocare_core.results.wording import (
    counted,
    enumerated,
    measurement_text,
    outputs_text,
    probability_text,
    split_column,
    weeks_text,
)
from echocare_core.types import Measurement


@pytest.mark.parametrize(
    ("name", "value", "unit", "text"),
    [
        ("lesion_area", 123.4, "mm2", "lesion area 123 mm²"),
        ("lesion_area", 12.34, "mm2", "lesion area 12.3 mm²"),
        ("head_circumference", 231.44, "mm", "head circumference 231.4 mm"),
        ("long_axis", 50.4, "px", "long axis 50 px"),
        ("lesions", 2.0, "count", "lesions 2"),
        ("shear_modulus", 12345.6, "Pa", "shear modulus 12346 Pa"),
        ("ejection_fraction", 55.0, "percent", "ejection fraction 55.0 %"),
        ("malignancy", 0.12345, "probability", "malignancy 0.123 probability"),
    ],
)
def test_a_measurement_is_said_as_a_person_would(name: str, value: float, unit: str, text: str):
    assert measurement_text(name, value, unit) == text


def age(value: float, low: float, high: float) -> list[Measurement]:
    ends = {"": value, "_low": low, "_high": high}
    return [Measurement(f"gestational_age{end}", one, "week") for end, one in ends.items()]


def test_an_age_is_said_in_one_line_with_its_interval():
    said = outputs_text([Measurement("head_circumference", 224.0, "mm"), *age(24.43, 22.37, 26.49)])
    assert said == ["head circumference 224.0 mm", "gestational age 24w3d (22w3d to 26w3d)"]


def test_a_length_is_said_with_its_interval_and_one_unit():
    length = [Measurement(f"depth{end}", one, "mm") for end, one in (("", 9.0), ("_low", 8.0), ("_high", 10.5))]
    assert outputs_text(length) == ["depth 9.0 (8.0 to 10.5) mm"]


def test_an_end_without_its_measurement_is_said_by_itself():
    assert outputs_text(age(24.0, 23.0, 25.0)[1:]) == ["gestational age low 23 weeks", "gestational age high 25 weeks"]


def test_an_age_that_is_unknown_is_not_said():
    assert outputs_text(age(math.nan, math.nan, math.nan)) == []


@pytest.mark.parametrize(("weeks", "text"), [(24.0, "24w0d"), (24.43, "24w3d"), (23.95, "24w0d")])
def test_a_week_has_seven_days(weeks: float, text: str):
    assert weeks_text(weeks) == text


def test_a_column_is_a_name_and_its_unit():
    assert split_column("lesion_area_mm2") == ("lesion_area", "mm2")


def test_one_is_not_many():
    assert [counted(1, "frame"), counted(0, "frame")] == ["1 frame", "0 frames"]
    assert [counted(1, "study"), counted(2, "study")] == ["1 study", "2 studies"]


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")]
)
def test_words_are_listed_as_in_a_sentence(words: list[str], text: str):
    assert enumerated(words) == text


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (0.83, None, "83%"),
        (0.004, None, "0.4%"),
        (0.997, None, "99.7%"),
        (0.349, 0.35, "34.9%"),
        (0.34996, 0.35, "34.996%"),
        (0.35, 0.35, "35%"),
    ],
)
def test_a_probability_never_looks_like_the_threshold_it_does_not_reach(value: float, beside: float | None, text: str):
    assert probability_text(value, beside) == text
