"""What flickers is told from what stays: of two frames, label by label, and of a cine."""

from __future__ import annotations

import numpy as np
import pytest

from echocare_core.tasks.steadiness import mean_steadiness, measure_steadiness
from echocare_core.types import Mask, Measurement

LABELS = {1: "liver", 2: "mass"}


def frame(liver: int, mass: int = 0) -> Mask:
    """A row of 10 pixels, the first of them liver, the last of them mass."""
    values = np.zeros((1, 10), np.uint8)
    values[0, :liver] = 1
    values[0, 10 - mass :] = 2
    return Mask(values, LABELS)


def said(mask: Mask, before: Mask | None) -> dict[str, float]:
    return {one.column: one.value for one in measure_steadiness([mask], None if before is None else before.values)}


def test_each_label_is_compared_with_itself() -> None:
    assert said(frame(4, 2), frame(6, 2)) == {
        "liver_dice_with_frame_before_percent": pytest.approx(100 * 2 * 4 / 10),
        "mass_dice_with_frame_before_percent": 100,
    }


@pytest.mark.parametrize(("mass", "mass_before"), [(2, 0), (0, 2)])
def test_what_comes_or_goes_shares_nothing(mass: int, mass_before: int) -> None:
    assert said(frame(4, mass), frame(4, mass_before))["mass_dice_with_frame_before_percent"] == 0


def test_of_what_neither_frame_has_nothing_is_said() -> None:
    assert list(said(frame(4), frame(4))) == ["liver_dice_with_frame_before_percent"]


def test_the_first_frame_has_none_before() -> None:
    assert said(frame(4), None) == {}


def test_a_cine_has_the_mean_of_those_frames_that_have_one_before() -> None:
    frames = [frame(4), frame(4, 2), frame(4, 2)]
    measured = [
        measure_steadiness([one], before and before.values)
        for one, before in zip(frames, [None, *frames[:-1]], strict=True)
    ]
    others = Measurement("mass_area", 7.0, "mm2")

    assert {one.column: one.value for one in mean_steadiness([(others, *one) for one in measured])} == {
        "liver_dice_with_frame_before_percent": 100,
        "mass_dice_with_frame_before_percent": 50,
    }


def test_of_a_cine_without_a_mask_nothing_is_said() -> None:
    assert mean_steadiness([(), ()]) == ()
