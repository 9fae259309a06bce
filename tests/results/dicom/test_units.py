"""Units of measurements as UCUM writes them."""

import pytest

from echocare_core.results.dicom.units import ucum_code


@pytest.mark.parametrize(
    ("unit", "code"),
    [("mm", "mm"), ("mm2", "mm2"), ("ml", "mL"), ("percent", "%"), ("px", "{pixels}"), ("px2", "{pixels2}")],
)
def test_a_unit_is_that_of_ucum_and_pixels_are_no_length(unit, code):
    assert ucum_code(unit)[:2] == (code, "UCUM")


def test_a_count_says_of_what():
    assert ucum_code("count", "lesions") == ("{lesions}", "UCUM", "lesions")


@pytest.mark.parametrize("unit", ["furlongs per fortnight", "µV {x}", "a" * 99])
def test_a_unit_that_is_not_known_is_a_note_between_braces_and_fits(unit):
    code = ucum_code(unit)
    assert (code.value[0], code.value[-1], len(code.value) <= 16, len(code.meaning) <= 64) == ("{", "}", True, True)
    assert code.value.isascii()
    assert not {"{", "}", " "} & set(code.value[1:-1])
