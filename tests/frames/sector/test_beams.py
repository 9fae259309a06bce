"""How the beams of a sector run, on drawn pictures whose array is known."""

import numpy as np
import pytest
from sector_pictures import HEIGHT, SHAPES, WIDTH, scan

from echocare_core.frames.sector import Beams, find_beams

STRAIGHT = ("linear", "linear, steered")
FANNING = {  # (row, column) of the apex, radius of the arc where beams enter, and the row that cuts it
    "convex": (-40, 320, 110, 0),
    "convex, cut by the screen": (-40, 320, 110, 0),
    "phased": (30, 320, 0, 30),
    "virtual convex": (-293, 320, 0, 40),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_beams_of_a_linear_array_run_straight_down_from_its_top(name):
    beams = find_beams(scan(SHAPES[name]))
    assert np.isnan(beams.apex_row)
    assert beams.top == pytest.approx(40, abs=3)
    np.testing.assert_allclose(beams.entries(np.array([[200.0, 300.0]])), [[40, 300]], atol=3)


@pytest.mark.parametrize("name", FANNING)
def test_beams_of_other_arrays_fan_out_from_the_apex_where_their_flanks_meet(name):
    row, column, radius, top = FANNING[name]
    place = np.array([300.0, 390.0])
    beam = (place - (row, column)) / np.hypot(*(place - (row, column)))
    start = max(radius, (top - row) / beam[0])
    [entry] = find_beams(scan(SHAPES[name])).entries(place[np.newaxis])
    np.testing.assert_allclose(entry, (row, column) + start * beam, atol=6)


def test_a_picture_that_is_all_sector_is_entered_at_its_upper_edge():
    beams = find_beams(scan(np.ones((200, 300), dtype=bool)))
    np.testing.assert_array_equal(beams.entries(np.array([[120.0, 7.5]])), [[0, 7.5]])


def test_a_large_picture_has_the_beams_of_a_small_one_in_its_own_pixels():
    pixels = scan(SHAPES["convex"])
    small, large = (find_beams(one) for one in (pixels, pixels.repeat(2, axis=0).repeat(2, axis=1)))
    np.testing.assert_allclose(large, 2 * np.array(small), atol=8)


@pytest.mark.parametrize("beams", [Beams(50), Beams(0, -40, 320, 110)])
def test_what_lies_above_the_sector_is_entered_where_it_is(beams):
    place = np.array([[20.0, 320.0]])
    np.testing.assert_allclose(beams.entries(place), place)


def test_a_blank_picture_has_no_beams():
    assert find_beams(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)) is None
