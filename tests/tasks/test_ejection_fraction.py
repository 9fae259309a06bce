"""Ends of diastole and of systole are found in a curve of volumes, and what cannot be measured is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from echocare_core.errors import NoHeartBeat
from echocare_core.tasks.ejection_fraction import find_beats, measure_ejection
from echocare_core.types import Measurement, Output

FINDING = {
    "smoothed_frames": 3,
    "fitted_frames": 5,
    "largest_jump": 0.25,
    "least_prominence": 0.4,
    "near_extreme": 0.15,
}
SETTINGS = {**FINDING, "least_change": 0.05, "regression_gain": 1.0}


def volumes(beats: float, per_beat: int = 24, start: float = 0.0, low: float = 50.0, high: float = 120.0) -> np.ndarray:
    """A curve that ejects in the first 40 % of a beat and fills in two steps; `start` is a share of a beat."""
    phase = (start + np.arange(round(beats * per_beat)) / per_beat) % 1
    left = np.interp(phase, [0, 0.4, 0.6, 0.8, 1], [1, 0, 0.7, 0.75, 1])
    return low + (high - low) * left


def parts_of(curve: Sequence[float], unit: str = "ml") -> list[tuple[Output, ...]]:
    return [
        () if np.isnan(one) else (Measurement("left_ventricle_volume", float(one), unit),) for one in np.asarray(curve)
    ]


def regressed_of(curve: Sequence[float], unit: str = "ml") -> list[tuple[Output, ...]]:
    return [(Measurement("left_ventricle_volume_regression", float(one), unit),) for one in curve]


def compared(outlined: Sequence[float], regressed: Sequence[float], gain: float = 1.0) -> dict[str, float]:
    parts = [a + b for a, b in zip(parts_of(outlined), regressed_of(regressed), strict=True)]
    settings = {**SETTINGS, "regression_gain": gain}
    return {one.column: one.value for one in measure_ejection(parts, **settings)}


def measured(curve: Sequence[float], unit: str = "ml", **more: Sequence[float]) -> dict[str, float]:
    return {one.column: one.value for one in measure_ejection(parts_of(curve, unit), **more, **SETTINGS)}


@pytest.mark.parametrize("per_beat", [12, 24, 70])
@pytest.mark.parametrize("start", [0.0, 0.3, 0.55, 0.9])
def test_every_whole_systole_is_found_at_any_rate(per_beat: int, start: float) -> None:
    beats = find_beats(volumes(3.4, per_beat, start), **FINDING)
    phases = [((start + beat.diastole / per_beat) % 1, (start + beat.systole / per_beat) % 1) for beat in beats]

    assert len(beats) in (2, 3)
    for diastole, systole in phases:
        assert min(diastole, 1 - diastole) < 0.12
        assert systole == pytest.approx(0.4, abs=0.1)


def test_noise_and_the_atrium_make_no_beats() -> None:
    noise = np.random.default_rng(3).normal(0, 2, 96)

    assert len(find_beats(volumes(4) + noise, **FINDING)) == 4


def test_the_mean_of_the_beats_is_given_with_their_spread() -> None:
    curve = np.concatenate([volumes(1), volumes(1, low=60), volumes(1)])
    found = measured(curve, times_ms=list(40.0 * np.arange(72)))

    first, second = (measured(volumes(3, low=low))["ejection_fraction_percent"] for low in (50, 60))
    assert found["beats_count"] == 3
    assert found["ejection_fraction_percent"] == pytest.approx((2 * first + second) / 3, abs=1)
    assert found["ejection_fraction_spread_percent"] == pytest.approx(first - second, abs=1)
    assert found["heart_rate_bpm"] == pytest.approx(60_000 / (24 * 40), rel=0.05)


@pytest.mark.parametrize("per_beat", [12, 24, 70])
def test_the_tips_of_a_beat_are_not_cut(per_beat: int) -> None:
    round_tips = 85 + 35 * np.cos(2 * np.pi * np.arange(3 * per_beat) / per_beat)

    assert measured(round_tips)["ejection_fraction_percent"] == pytest.approx(100 * 70 / 120, abs=1)


def test_no_volume_is_smaller_than_any_that_was_measured() -> None:
    angular = np.array([50.0, 50, 50, 4, 3, 3, 50, 50, 50, 4, 3, 3, 50, 50])  # at whose corners a parabola overshoots

    assert measured(angular)["end_systolic_volume_ml"] >= 3


@pytest.mark.parametrize("frame", [24, 33, 34])
@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_a_frame_that_failed_at_the_end_of_diastole_or_of_systole_moves_little(frame: int, factor: float) -> None:
    curve = volumes(3)
    curve[frame] *= factor

    assert measured(curve)["ejection_fraction_percent"] == pytest.approx(
        measured(volumes(3))["ejection_fraction_percent"], abs=2
    )


def test_both_methods_are_compared_in_the_row_of_a_cine() -> None:
    outlined, regressed = volumes(2), volumes(2, low=80, high=110)
    found, alone = compared(outlined, regressed), measured(regressed)

    assert found["ejection_fraction_percent"] == measured(outlined)["ejection_fraction_percent"]
    assert found["ejection_fraction_regression_percent"] == pytest.approx(alone["ejection_fraction_percent"])
    assert found["ejection_fraction_difference_of_methods_percent"] == pytest.approx(
        found["ejection_fraction_percent"] - found["ejection_fraction_regression_percent"]
    )
    assert found["end_diastolic_volume_regression_ml"] == pytest.approx(alone["end_diastolic_volume_ml"])
    assert found["end_systolic_volume_regression_ml"] == pytest.approx(alone["end_systolic_volume_ml"])


def test_the_regression_finds_its_own_beats() -> None:
    """Ends of systole that lie elsewhere in its curve are those of its fraction."""
    found = compared(volumes(3), volumes(3, start=0.5))

    assert found["ejection_fraction_difference_of_methods_percent"] == pytest.approx(0, abs=2)


def test_a_regression_that_takes_volumes_as_too_much_alike_is_spread() -> None:
    """A ratio of both ends of systole becomes that ratio to the power of the gain; their geometric mean stays."""
    flat, spread = (compared(volumes(2), volumes(2, low=80), gain) for gain in (1.0, 1.5))

    before, after = (
        found["end_systolic_volume_regression_ml"] / found["end_diastolic_volume_regression_ml"]
        for found in (flat, spread)
    )
    assert after == pytest.approx(before**1.5, rel=0.02)
    assert spread["end_diastolic_volume_regression_ml"] > flat["end_diastolic_volume_regression_ml"]
    assert spread["end_systolic_volume_regression_ml"] < flat["end_systolic_volume_regression_ml"]


def test_without_a_beat_by_regression_the_outlines_speak_alone() -> None:
    assert compared(volumes(2), np.full(48, 90.0)) == measured(volumes(2))


def test_a_regression_does_not_stand_for_outlines_that_show_no_beat() -> None:
    with pytest.raises(NoHeartBeat, match="has 48 frames in which the left ventricle does not fill"):
        compared(np.full(48, 90.0), volumes(2))


def test_the_steadiness_of_the_outlines_is_that_of_the_frames() -> None:
    shared = Measurement("left_ventricle_dice_with_frame_before", 90.0, "percent")
    parts = [(*part, shared) for part in parts_of(volumes(2))]

    assert measure_ejection(parts, **SETTINGS)[-1] == shared


def test_frames_are_named_by_their_numbers_in_the_cine() -> None:
    numbers = [2 * number for number in range(48)]
    found = measured(volumes(2), numbers=numbers)

    assert found["end_diastolic_frame"] in (0, 48)
    assert found["end_systolic_frame"] - found["end_diastolic_frame"] == pytest.approx(2 * 0.4 * 24, abs=2)


def test_without_times_there_is_no_heart_rate() -> None:
    assert "heart_rate_bpm" not in measured(volumes(2))


def test_without_calibration_volumes_are_in_pixels_and_the_fraction_is_the_same() -> None:
    plain, calibrated = measured(volumes(2), "px3"), measured(volumes(2))

    assert plain["ejection_fraction_percent"] == calibrated["ejection_fraction_percent"]
    assert plain["end_diastolic_volume_px3"] == calibrated["end_diastolic_volume_ml"]


def test_a_frame_without_a_ventricle_is_bridged() -> None:
    curve = volumes(2)
    curve[[5, 17, 18]] = np.nan

    assert measured(curve)["ejection_fraction_percent"] == pytest.approx(
        measured(volumes(2))["ejection_fraction_percent"], abs=1.5
    )


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ([100.0], "has 1 frame; an ejection fraction needs a cine"),
        (volumes(0.4), "has 10 frames in which the left ventricle does not fill, eject and fill again"),
        (volumes(0.5, start=0.45), "has 12 frames in which"),
        (np.full(30, 80.0), "has 30 frames in which"),
        (np.full(30, np.nan), "shows a left ventricle in 0 of 30 frames"),
        (volumes(2, low=118), "has 48 frames in which"),
    ],
    ids=["a still", "only a systole", "only a diastole", "nothing moves", "no ventricle", "hardly anything moves"],
)
def test_what_holds_no_whole_beat_is_refused(curve: Sequence[float], said: str) -> None:
    with pytest.raises(NoHeartBeat, match=said):
        measured(curve)
