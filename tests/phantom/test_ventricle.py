"""Ventricles made by hand have the volumes and ejection fractions that they were drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from echocare_core.phantom.ventricle import EJECTION_PERCENT, VOLUME_ML, draw_ventricle, polygon_area


def test_volumes_and_fractions_fill_their_ranges() -> None:
    drawn = [draw_ventricle(np.random.default_rng(seed)) for seed in range(60)]
    volumes = [one.volume_ml(0) for one in drawn]
    fractions = [one.ejection_fraction_percent for one in drawn]

    for found, (low, high) in ((volumes, VOLUME_ML), (fractions, EJECTION_PERCENT)):
        assert low - 0.1 <= min(found) < low + 0.25 * (high - low)
        assert high - 0.25 * (high - low) < max(found) <= high + 0.1


@pytest.mark.parametrize("seed", range(5))
def test_systole_shortens_the_long_axis_and_lifts_the_mitral_plane(seed: int) -> None:
    ventricle = draw_ventricle(np.random.default_rng(seed))
    bases = [outline[[0, -1], 0].mean() for outline in (ventricle.diastole, ventricle.systole)]

    assert bases[1] < bases[0]
    assert np.allclose(ventricle.at(0.5), (ventricle.diastole + ventricle.systole) / 2)
    assert ventricle.diastole[ventricle.apex, 0] == pytest.approx(0, abs=1e-9)


def test_the_area_of_a_polygon_is_that_of_a_rectangle() -> None:
    assert polygon_area(np.array([[0, 0], [0, 4], [3, 4], [3, 0]], float)) == 12
