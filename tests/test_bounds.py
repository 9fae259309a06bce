"""A number that means nothing is refused by the name of its setting."""

import pytest

from echocare_core.bounds import check_above_0, check_count, check_share
from echocare_core.errors import SettingsError

NO_NUMBERS = (None, "0.5", True, float("nan"), float("inf"), [0.5])


@pytest.mark.parametrize(
    ("check", "value", "needed"),
    [
        *((check_share, value, "a number from 0 to 1") for value in (*NO_NUMBERS, -0.1, 1.01, 5)),
        *((check_above_0, value, "a number above 0") for value in (*NO_NUMBERS, 0, -1.5)),
        *((check_count, value, "a whole number from 1 on") for value in (*NO_NUMBERS, 0, -3, 1.0)),
    ],
)
def test_what_lies_beyond_is_refused(check, value, needed):
    with pytest.raises(SettingsError) as error:
        check("least_score", value)
    assert str(error.value) == f"least_score is {value!r}; needed {needed}. Set least_score so."


@pytest.mark.parametrize(
    ("check", "value"),
    [(check_share, 0), (check_share, 1.0), (check_above_0, 0.01), (check_above_0, 7), (check_count, 1)],
)
def test_what_lies_within_passes(check, value):
    check("least_score", value)
