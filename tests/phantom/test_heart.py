"""The tissue of a simulated heart moves with its wall, so that pictures show the ventricle that their masks say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from echocare_core.phantom.heart import build_heart
from echocare_core.phantom.ventricle import Outline, Ventricle, draw_ventricle

BELOW_PROBE = np.array([20.0, 0.0])  # (depth, across) in mm


def away_from(outline: Outline, places: np.ndarray) -> np.ndarray:
    """Distance of places from an outline without its mitral plane."""
    return cKDTree(np.concatenate([np.linspace(*ends, 20) for ends in pairwise(outline)])).query(places)[0]


@pytest.mark.parametrize("seed", range(4))
def test_what_lies_at_the_wall_lies_there_at_the_end_of_systole_too(seed: int) -> None:
    generator = np.random.default_rng(seed)
    drawn = draw_ventricle(generator)
    ventricle = Ventricle(drawn.diastole + BELOW_PROBE, drawn.systole + BELOW_PROBE, drawn.apex)
    heart = build_heart(ventricle, 160, 1.4, generator)
    at_wall = away_from(ventricle.diastole, heart.places) < 0.5
    moved = heart.places[at_wall] + heart.moves[at_wall]

    assert np.percentile(away_from(ventricle.systole, moved), 95) < 0.6  # of places within 0.5 mm at first
    assert np.percentile(away_from(ventricle.systole, heart.places[at_wall]), 95) > 2.5
