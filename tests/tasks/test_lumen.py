"""Diameters of a vessel, against vessels that are drawn from their centre line and width."""

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from echocare_core.tasks.lumen import measure_lumen

SHAPE = (240, 320)
SPACINGS = [(1.0, 1.0), (0.1, 0.1), (0.15, 0.1)]


def vessel(centre, width, spacing_mm=(1.0, 1.0), shape=SHAPE):
    """Pixels nearer to the polyline `centre` ((row, column) in mm) than half its width there, in mm."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    places = np.stack([rows * spacing_mm[0], columns * spacing_mm[1]], axis=-1)
    distances, nearest = cKDTree(np.asarray(centre)).query(places.reshape(-1, 2))
    widths = np.broadcast_to(width, len(centre))[nearest]
    return (distances <= widths / 2).reshape(shape).astype(np.uint8)


def straight(degrees, spacing_mm, length=200.0, points=400):
    """A line through the middle of the picture, in mm of a pixel that is as large as the smaller step."""
    unit, turn = min(spacing_mm), math.radians(degrees)
    middle = np.array([SHAPE[0] * spacing_mm[0] / 2, SHAPE[1] * spacing_mm[1] / 2])
    along = np.linspace(-length / 2, length / 2, points) * unit
    return middle + np.outer(along, (math.sin(turn), math.cos(turn)))


def lumen(mask, spacing_mm=(1.0, 1.0), **settings):
    named = {"label": 1, "name": "lumen", "counted": "lumens", "smallest_share": 0.1}
    found = measure_lumen(mask, spacing_mm, **{**named, "lengthwise_from": 2.0, "sections": 64, **settings})
    return {one.name.removeprefix("lumen_"): one for one in found}


def values(mask, spacing_mm=(1.0, 1.0), **settings):
    return {name: one.value for name, one in lumen(mask, spacing_mm, **settings).items()}


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("degrees", [0, 25, -50, 90])
def test_a_straight_vessel_has_its_width_all_along(spacing_mm, degrees):
    unit = min(spacing_mm)
    found = values(vessel(straight(degrees, spacing_mm, 140), 30 * unit, spacing_mm), spacing_mm)
    for which in ("mean", "minimum", "maximum"):
        assert found[f"{which}_diameter"] == pytest.approx(30 * unit, abs=1.6 * max(spacing_mm))
    assert found["length"] == pytest.approx(170 * unit, rel=0.02)  # with its round ends


@pytest.mark.parametrize("degrees", [0, 40])
def test_the_narrowest_and_the_widest_place_are_found_and_drawn_across_the_vessel(degrees):
    centre = straight(degrees, (1.0, 1.0))
    along = np.linspace(-1, 1, len(centre))
    width = 30 - 14 * np.exp(-(((along + 0.4) / 0.1) ** 2)) + 10 * np.exp(-(((along - 0.4) / 0.15) ** 2))
    found = lumen(vessel(centre, width))
    for which, place in (("minimum", -0.4), ("maximum", 0.4)):
        at = int(np.abs(along - place).argmin())
        assert found[f"{which}_diameter"].value == pytest.approx(width[at], abs=2.5)
        line = found[f"{which}_diameter"].line_px
        np.testing.assert_allclose(line.mean(axis=0), centre[at], atol=7)
        row, column = line[1] - line[0]
        assert abs(math.degrees(math.atan2(row, column)) - degrees) % 180 == pytest.approx(90, abs=12)
    assert found["minimum_diameter"].value < found["mean_diameter"].value < found["maximum_diameter"].value


def test_a_vessel_that_bends_is_measured_across_its_bend():
    angles = np.radians(np.linspace(-40, 40, 500))
    centre = np.stack([400 - 260 * np.cos(angles), 160 + 260 * np.sin(angles) * 0.9], axis=1)
    found = values(vessel(centre, 26.0))
    for which in ("mean", "minimum", "maximum"):
        assert found[f"{which}_diameter"] == pytest.approx(26, abs=2)
    assert found["length"] == pytest.approx(np.hypot(*np.diff(centre, axis=0).T).sum() + 26, rel=0.03)


@pytest.mark.parametrize("degrees", [0, 25])
def test_a_vessel_that_runs_out_of_the_picture_on_both_sides_has_its_width(degrees):
    found = values(vessel(straight(degrees, (1.0, 1.0), 600, 1200), 30.0))
    for which in ("mean", "minimum", "maximum"):
        assert found[f"{which}_diameter"] == pytest.approx(30, abs=1.6)


def test_a_vessel_that_the_picture_cuts_along_part_of_its_length_is_measured_where_it_is_whole():
    centre = np.stack([np.linspace(200, 245, 600), np.linspace(-10, 330, 600)], axis=1)
    found = lumen(vessel(centre, 40.0))
    assert found["minimum_diameter"].value == pytest.approx(40, abs=2)
    assert found["minimum_diameter"].line_px[:, 0].max() < SHAPE[0] - 1


def test_a_vessel_that_the_picture_cuts_all_along_has_an_area_and_no_diameter():
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[225:] = 1
    found = values(mask)
    assert found["area"] == 15 * SHAPE[1]
    assert not [name for name in found if "diameter" in name]


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_across_a_vessel_diameters_are_its_extents_in_all_directions(spacing_mm):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    y, x = (rows - 120) * spacing_mm[0], (columns - 160) * spacing_mm[1]
    unit = min(spacing_mm)
    turned = ((x + y) / 50) ** 2 + ((y - x) / 36) ** 2 <= 2 * unit**2
    found = lumen(turned.astype(np.uint8), spacing_mm)
    assert "length" not in found
    assert found["maximum_diameter"].value == pytest.approx(100 * unit, rel=0.03)
    assert found["minimum_diameter"].value == pytest.approx(72 * unit, rel=0.04)
    for which in ("maximum", "minimum"):
        line = found[f"{which}_diameter"].line_px
        assert math.hypot(*((line[1] - line[0]) * spacing_mm)) == pytest.approx(found[f"{which}_diameter"].value)


def test_a_round_lumen_at_the_edge_is_measured_in_the_directions_in_which_it_is_whole():
    cut = values(vessel([(120.0, 10.0)], 60.0))
    assert cut["maximum_diameter"] == pytest.approx(60, abs=2)
    assert cut["minimum_diameter"] > 50


def test_a_vessel_is_lengthwise_from_the_share_that_the_bundle_names():
    mask = vessel(straight(0, (1.0, 1.0), 30), 30.0)
    assert "length" not in values(mask)
    assert "length" in values(mask, lengthwise_from=1.5)


def test_an_uncalibrated_vessel_is_measured_in_pixels_and_specks_are_not_counted():
    mask = vessel(straight(0, (1.0, 1.0)), 30.0)
    mask[5:7, 5:7] = 1
    found = lumen(mask, None)
    assert found["mean_diameter"].unit == "px"
    assert found["lumens"].value == 1


@pytest.mark.parametrize("pixels", [(), (5,), (5, 6, 7, 8, 9)], ids=["empty", "one", "five in a line"])
def test_a_mask_too_small_to_be_a_vessel_raises_nothing(pixels):
    mask = np.zeros((20, 20), dtype=np.uint8)
    mask[10, list(pixels)] = 1
    assert all(math.isfinite(value) for value in values(mask).values())
