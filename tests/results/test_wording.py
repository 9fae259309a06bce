from __future__ import annotations

import pytest

from echocare_core.results.wording import counted, enumerated, measurement_text, probability_text, split_column


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
