"""What was measured of a cine: the number of its row, else the median of its frames."""

from __future__ import annotations

import pytest

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.numbers import NumberQuestion
from echocare_core.assessment.kinds.question import Unscored

LENGTH = NumberQuestion("length_mm", "length_mm", pixels="length_px")
FRAMES = tuple({"level": "frame", "length_mm": value} for value in ("10", "12", "20"))


def case(cine: dict[str, str], frames: tuple[dict[str, str], ...] = FRAMES) -> Case:
    return Case(1, ({"length_mm": "11"},), ({"level": "cine", **cine},), "image", "a", frames=frames)


def test_the_median_of_the_frames_counts_where_the_row_of_the_cine_has_no_number() -> None:
    assert LENGTH.score(case({"steadiness_percent": "95"}))["length_mm"] == 12


def test_the_number_of_the_cine_counts_where_it_has_one() -> None:
    assert LENGTH.score(case({"length_mm": "15"}))["length_mm"] == 15


def test_a_cine_whose_frames_are_measured_in_pixels_is_said_not_to_be_calibrated() -> None:
    with pytest.raises(Unscored, match="not calibrated"):
        LENGTH.score(case({}, ({"level": "frame", "length_px": "40"},)))
