"""The scan field of a prepared picture: where it is, how deep a pixel lies, and on which beam."""

import numpy as np
import pytest

from echocare_core.transforms.augmentation.scan_field import find_scan_field

ROWS, COLUMNS = np.mgrid[:96, :96]


def test_the_field_of_a_curved_array_holds_its_cyst_and_not_the_black_around(sector, in_sector):
    inside = find_scan_field(sector).inside
    assert (inside & in_sector).sum() / (inside | in_sector).sum() > 0.97


def test_the_beams_of_a_curved_array_meet_where_it_was_bent(sector, apex):
    assert find_scan_field(sector).apex == pytest.approx(apex, abs=3)


def test_depth_and_beam_of_a_curved_array_follow_its_arcs_and_flanks(sector, in_sector, apex, radii, half_angle):
    field = find_scan_field(sector)
    radius, angle = np.hypot(COLUMNS - apex[0], ROWS - apex[1]), np.arctan2(COLUMNS - apex[0], ROWS - apex[1])
    depth, beam = (radius - radii[0]) / (radii[1] - radii[0]), (angle + half_angle) / (2 * half_angle)
    assert np.abs(field.depth - depth)[in_sector].max() < 0.06
    assert np.abs(field.beam - beam)[in_sector].max() < 0.06


def test_depth_and_beam_of_a_linear_array_are_its_rows_and_columns(even):
    field = find_scan_field(even)
    inside = np.s_[:, 16:80]
    assert np.abs(field.depth - ROWS / 95)[inside].max() < 0.03
    assert np.abs(field.beam - (COLUMNS - 16) / 63)[inside].max() < 0.04


def test_a_line_of_text_beside_the_field_does_not_turn_its_beams(sector, apex):
    sector[:, 60:64, 2:30] = 1.0
    assert find_scan_field(sector).apex == pytest.approx(apex, abs=5)


def test_a_black_picture_has_no_field():
    assert find_scan_field(np.zeros((3, 96, 96), dtype=np.float32)) is None


def test_sampling_every_place_of_the_field_gives_the_picture_back(sector):
    field = find_scan_field(sector)
    np.testing.assert_allclose(field.sample(sector, field.depth, field.beam), sector, atol=0.01)
