"""Masks become millimetres: compared with shapes whose size is known."""

import math
import tracemalloc
from functools import partial
from time import process_time

import numpy as np
import pytest

from echocare_core.tasks.measurements import known_spacing, measure_head, measure_parts

SHAPE = (700, 800)
measure_lesions = partial(measure_parts, label=1, name="lesion", counted="lesions")
SPACINGS = [(1.0, 1.0), (0.2, 0.2), (0.3, 0.1), (0.1, 0.25)]


def ellipse_mask(long_mm, short_mm, degrees, spacing_mm=(1.0, 1.0), shape=SHAPE):
    """A filled ellipse in the middle, its semi-axes in mm, the long one turned against the columns."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    y = (rows - shape[0] / 2) * spacing_mm[0]
    x = (columns - shape[1] / 2) * spacing_mm[1]
    turn = math.radians(degrees)
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    return ((along / long_mm) ** 2 + (across / short_mm) ** 2 <= 1).astype(np.uint8)


def polygon_perimeter(long_mm, short_mm, corners=20_000):
    """Perimeter of an ellipse by walking round it."""
    angles = np.linspace(0, 2 * math.pi, corners + 1)
    return float(np.hypot(np.diff(long_mm * np.cos(angles)), np.diff(short_mm * np.sin(angles))).sum())


def numbers(measurements):
    return {measurement.column: measurement.value for measurement in measurements}


def head(mask, spacing_mm=(1.0, 1.0), outline_inset=0.0):
    return numbers(measure_head(mask, spacing_mm, outline_inset=outline_inset))


def lesion(mask, spacing_mm=(1.0, 1.0), smallest_share=0.0):
    return numbers(measure_lesions(mask, spacing_mm, smallest_share=smallest_share))


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize(("share", "degrees"), [(1.0, 0), (0.75, 0), (0.75, 90), (0.75, 30), (0.5, 135)])
def test_the_circumference_is_that_of_the_drawn_ellipse(spacing_mm, share, degrees):
    long = 0.45 * min(SHAPE[0] * spacing_mm[0], SHAPE[1] * spacing_mm[1])
    found = head(ellipse_mask(long, share * long, degrees, spacing_mm), spacing_mm)
    assert found["head_circumference_mm"] == pytest.approx(polygon_perimeter(long, share * long), rel=0.005)
    assert found["occipitofrontal_diameter_mm"] == pytest.approx(2 * long, rel=0.005)
    assert found["biparietal_diameter_mm"] == pytest.approx(2 * share * long, rel=0.005)


def test_a_circle_has_a_circumference_of_pi_times_its_diameter():
    assert head(ellipse_mask(200, 200, 0))["head_circumference_mm"] == pytest.approx(400 * math.pi, rel=0.005)


def test_the_outline_runs_inside_the_mask_by_the_inset():
    mask = ellipse_mask(60, 45, 20, (0.2, 0.2))
    two_mm = 10 / max(SHAPE)
    found = head(mask, (0.2, 0.2), outline_inset=two_mm)
    assert found["head_circumference_mm"] == pytest.approx(polygon_perimeter(58, 43), rel=0.005)
    assert found["biparietal_diameter_mm"] == pytest.approx(86, rel=0.005)


def test_an_inset_wider_than_the_head_leaves_nothing():
    assert head(ellipse_mask(10, 8, 0), outline_inset=9 / max(SHAPE)) == {}


def test_an_uncalibrated_head_is_measured_in_pixels():
    found = head(ellipse_mask(200, 150, 0), None)
    assert [*found][:3] == ["head_circumference_px", "occipitofrontal_diameter_px", "biparietal_diameter_px"]
    assert math.isnan(found["gestational_age_week"])
    assert found["head_circumference_px"] == pytest.approx(polygon_perimeter(200, 150), rel=0.005)


def test_a_calibrated_head_has_an_age():
    found = head(ellipse_mask(45, 34, 0, (0.2, 0.2)), (0.2, 0.2))
    assert found["gestational_age_low_week"] < found["gestational_age_week"] < found["gestational_age_high_week"]


def test_the_largest_of_two_heads_is_measured():
    mask = ellipse_mask(200, 150, 0)
    mask[:40, :40] = 1
    assert head(mask)["head_circumference_mm"] == pytest.approx(polygon_perimeter(200, 150), rel=0.005)


@pytest.mark.parametrize("pixels", [(), (5,), (5, 6), (5, 6, 7)], ids=["empty", "one", "two", "three in a line"])
def test_a_mask_too_small_for_an_ellipse_has_no_head(pixels):
    mask = np.zeros((20, 20), dtype=np.uint8)
    mask[10, list(pixels)] = 1
    assert all(0 < value < 10 for column, value in head(mask).items() if column.endswith("_mm"))
    assert head(mask) == {} or len(pixels) > 1


def test_other_labels_are_no_head_and_no_lesion():
    mask = 2 * ellipse_mask(200, 150, 0)
    assert head(mask) == {}
    assert lesion(mask) == {"lesions_count": 0}


def rectangle_mask(long_mm, short_mm, degrees, spacing_mm, shape=SHAPE):
    """A filled rectangle in the middle, its sides in mm."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    y, x = (rows - shape[0] / 2) * spacing_mm[0], (columns - shape[1] / 2) * spacing_mm[1]
    turn = math.radians(degrees)
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    return ((np.abs(along) <= long_mm / 2) & (np.abs(across) <= short_mm / 2)).astype(np.uint8)


@pytest.mark.parametrize("spacing_mm", [(0.2, 0.2), (0.3, 0.1)])
@pytest.mark.parametrize("degrees", [0, 25, 45, 90, 130])
def test_the_longest_diameter_of_a_rectangle_is_its_diagonal(spacing_mm, degrees):
    found = lesion(rectangle_mask(40, 20, degrees, spacing_mm), spacing_mm)
    assert found["lesion_long_axis_mm"] == pytest.approx(math.hypot(40, 20), rel=0.01)
    assert found["lesion_area_mm2"] == pytest.approx(40 * 20, rel=0.02)


def test_area_and_diameter_of_whole_pixels_are_exact():
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[5:15, 8:32] = 1
    found = lesion(mask, (0.5, 0.25))
    assert found["lesion_area_mm2"] == pytest.approx(10 * 0.5 * 24 * 0.25)
    assert found["lesion_long_axis_mm"] == pytest.approx(math.hypot(5, 6), rel=1e-3)


def test_the_largest_of_two_lesions_is_measured_and_both_are_counted():
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[2:4, 2:4], mask[10:20, 10:20] = 1, 1
    assert lesion(mask) == {
        "lesions_count": 2,
        "lesion_area_mm2": 100,
        "lesion_long_axis_mm": pytest.approx(200**0.5, rel=1e-3),
        "lesion_short_axis_mm": pytest.approx(200**0.5, rel=1e-3),
    }


@pytest.mark.parametrize("zoom", [1, 4])
def test_specks_are_not_counted_as_lesions_at_any_size(zoom):
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[2:4, 2:4], mask[10:20, 10:20], mask[10:20, 25:30] = 1, 1, 1
    large = mask.repeat(zoom, axis=0).repeat(zoom, axis=1)
    assert lesion(large, smallest_share=0.1)["lesions_count"] == 2


def test_an_empty_mask_has_no_lesion_and_no_size():
    assert lesion(np.zeros((20, 20), dtype=np.uint8)) == {"lesions_count": 0}


def test_a_lesion_of_one_pixel_is_measured():
    mask = np.zeros((20, 20), dtype=np.uint8)
    mask[0, 19] = 1
    found = lesion(mask, (0.3, 0.4))
    assert found == {
        "lesions_count": 1,
        "lesion_area_mm2": pytest.approx(0.12),
        "lesion_long_axis_mm": pytest.approx(0.5, rel=1e-3),
        "lesion_short_axis_mm": pytest.approx(0.48, rel=0.02),
    }


def test_an_uncalibrated_lesion_is_measured_in_pixels():
    mask = np.zeros((20, 20), dtype=np.uint8)
    mask[5:8, 5:9] = 1
    assert lesion(mask, None) == {
        "lesions_count": 1,
        "lesion_area_px2": 12,
        "lesion_long_axis_px": pytest.approx(5, rel=1e-3),
        "lesion_short_axis_px": pytest.approx(4.8, rel=0.02),
    }


@pytest.mark.parametrize(
    ("given", "known"), [([0.2, 0.1], (0.2, 0.1)), ([math.nan] * 2, None), ([math.nan, 1], None), ([1, math.nan], None)]
)
def test_a_spacing_of_nan_is_none(given, known):
    assert known_spacing(given) == known


def reach(line_px, spacing_mm):
    """Length of a line, and its angle against the columns in degrees."""
    row, column = (line_px[1] - line_px[0]) * spacing_mm
    return math.hypot(row, column), math.degrees(math.atan2(row, column)) % 180


@pytest.mark.parametrize("spacing_mm", [(0.2, 0.2), (0.3, 0.1)])
@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_the_axes_are_drawn_where_the_ellipse_lies(spacing_mm, degrees):
    mask = ellipse_mask(30, 20, degrees, spacing_mm)
    around, long, short, *_ = measure_head(mask, spacing_mm, outline_inset=0)
    for axis in (long, short, *measure_lesions(mask, spacing_mm, smallest_share=0)[2:]):
        turn = 0 if "occipito" in axis.name or "long" in axis.name else 90
        length, angle = reach(axis.line_px, spacing_mm)
        assert length == pytest.approx(axis.value, rel=1e-3)
        assert abs((angle - degrees - turn + 90) % 180 - 90) < 3
        np.testing.assert_allclose(axis.line_px.mean(axis=0), [SHAPE[0] / 2, SHAPE[1] / 2], atol=1.5)
    steps = np.hypot(*(np.diff(around.line_px, axis=0) * spacing_mm).T)
    assert steps.sum() == pytest.approx(around.value, rel=2e-3)


def test_the_short_axis_is_the_width_at_a_right_angle_to_the_long_one():
    found = lesion(ellipse_mask(40, 15, 30, (0.2, 0.2)), (0.2, 0.2))
    assert found["lesion_long_axis_mm"] == pytest.approx(80, rel=0.01)
    assert found["lesion_short_axis_mm"] == pytest.approx(30, rel=0.03)


def test_the_longest_distance_is_that_of_all_pixels_without_their_memory():
    mask = (np.random.default_rng(3).random((300, 400)) < 0.7).astype(np.uint8)
    corners = np.argwhere(mask)[:, None] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    angles = np.deg2rad(np.arange(180))
    along = corners.reshape(-1, 2) @ np.stack([np.cos(angles), np.sin(angles)])
    assert lesion(mask)["lesion_long_axis_mm"] == pytest.approx((along.max(axis=0) - along.min(axis=0)).max(), abs=2)

    whole = np.ones((1024, 1024), dtype=np.uint8)
    tracemalloc.start()
    found = lesion(whole, (0.1, 0.1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["lesion_long_axis_mm"] == pytest.approx(102.4 * math.sqrt(2), rel=1e-3)
    assert peak < 64 * whole.nbytes


def test_a_hundred_thousand_specks_are_counted_in_bounded_time():
    mask = np.zeros((700, 700), dtype=np.uint8)
    mask[::2, ::2] = 1
    mask[100:110, 100:110] = 1
    began = process_time()
    assert lesion(mask)["lesions_count"] == 350 * 350 - 36 + 1
    assert lesion(mask, smallest_share=0.05)["lesions_count"] == 1
    assert process_time() - began < 5
