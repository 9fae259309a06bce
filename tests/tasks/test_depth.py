"""How deep a part lies, against distances that geometry gives."""

import math

import numpy as np
import pytest

from echocare_core.frames.sector import Beams
from echocare_core.tasks.depth import measure_depth
from echocare_core.tasks.measurements import measure_parts

SHAPE = (200, 240)


def disc(row, column, radius):
    """Pixels whose centre lies in a circle; a row of 0 is the upper edge of the first pixels."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    return np.hypot(rows - row, columns - column) <= radius


@pytest.mark.parametrize("top", [0, 12])
def test_below_a_linear_array_depth_is_counted_straight_down_from_the_top_of_the_sector(top):
    depth, line = measure_depth(disc(100, 60, 20), Beams(top), (0.2, 0.1))
    assert depth == pytest.approx(0.2 * (80 - top), abs=0.11)
    np.testing.assert_allclose(line, [[top - 0.5, 59.5], [79.5, 59.5]], atol=3)


@pytest.mark.parametrize("degrees", [-35, 0, 20, 40])
def test_below_a_curved_array_depth_is_counted_along_the_beam_from_the_arc(degrees):
    apex, arc, away = np.array([-20.0, 120.0]), 60.0, 130.0
    beam = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    depth, line = measure_depth(disc(*(apex + away * beam), 15), Beams(0, *apex, arc), (0.3, 0.3))
    assert depth == pytest.approx(0.3 * (away - arc - 15), abs=0.3)
    np.testing.assert_allclose(line + 0.5, [apex + arc * beam, apex + (away - 15) * beam], atol=4)


def test_beams_that_fan_out_below_a_flat_top_are_counted_from_it():
    apex, top = np.array([-100.0, 120.0]), 10.0
    part = np.zeros(SHAPE, dtype=bool)
    part[109:111, 229:231] = True
    depth, line = measure_depth(part, Beams(top, *apex), (1, 1))
    assert depth == pytest.approx(math.hypot(99, 99 * 109 / 209), rel=0.01)
    assert line[0, 0] == top - 0.5


def test_what_begins_above_the_sector_has_no_depth():
    assert measure_depth(disc(10, 60, 20), Beams(30), (1, 1))[0] == 0


def test_the_depth_of_the_largest_part_is_measured_where_beams_are_known():
    mask = (disc(100, 60, 20) | disc(20, 200, 5)).astype(np.uint8)

    def measured(spacing_mm, beams):
        named = {"label": 1, "name": "lesion", "counted": "lesions", "smallest_share": 0.0}
        found = measure_parts(mask, spacing_mm, beams=beams, **named)
        return {one.column: one.value for one in found if "depth" in one.name}

    assert measured((0.2, 0.2), Beams(0)) == {"lesion_depth_mm": pytest.approx(16)}
    assert measured(None, Beams(0)) == {"lesion_depth_px": pytest.approx(80)}
    assert measured((0.2, 0.2), None) == {}
