"""Simulated cines show their ventricle where its mask says, move as its volumes say, and repeat with their seed."""

from __future__ import annotations

import numpy as np
import pytest

from echocare_core.phantom import SimulatedCine, draw_ventricle, simulate_cine
from echocare_core.tasks.ventricle import measure_ventricle

TIMES_MS = 40.0 * np.arange(24)


def simulated(seed: int, times_ms: np.ndarray = TIMES_MS) -> SimulatedCine:
    generator = np.random.default_rng(seed)
    return simulate_cine(draw_ventricle(generator), times_ms, generator, height=112)


@pytest.fixture(scope="module")
def cine() -> SimulatedCine:
    return simulated(11)


def test_the_same_seed_gives_the_same_cine(cine: SimulatedCine) -> None:
    again = simulated(11)

    assert np.array_equal(again.pixels, cine.pixels)
    assert np.array_equal(again.masks, cine.masks)
    assert not np.array_equal(simulated(12, TIMES_MS[:1]).pixels[0], cine.pixels[0])


def test_frames_and_masks_have_one_size_and_the_corners_are_black(cine: SimulatedCine) -> None:
    assert cine.pixels.shape == cine.masks.shape
    assert cine.pixels.dtype == cine.masks.dtype == np.uint8
    assert cine.pixels[:, 0, 0].max() == cine.pixels[:, -1, -1].max() == 0


def test_masks_have_the_volumes_that_are_said(cine: SimulatedCine) -> None:
    spacing_mm = (cine.spacing_mm, cine.spacing_mm)
    measured = [measure_ventricle(mask, spacing_mm, label=1, method="area_length")[2].value for mask in cine.masks]

    assert measured == pytest.approx(cine.volumes_ml, rel=0.08)
    lowest, highest = cine.volumes_ml.min(), cine.volumes_ml.max()
    assert cine.end_systolic_volume_ml - 0.01 <= lowest < 1.1 * cine.end_systolic_volume_ml
    assert 0.9 * cine.end_diastolic_volume_ml < highest <= cine.end_diastolic_volume_ml + 0.01


def test_the_cavity_is_darker_than_its_wall() -> None:
    darker = 0
    for seed in range(8):
        one = simulated(seed, TIMES_MS[:1])
        inside = one.masks[0].astype(bool)
        grown = np.zeros_like(inside)
        reach = round(5 / one.spacing_mm)
        for shift in (-reach, reach):
            grown |= np.roll(inside, shift, axis=1)
        darker += one.pixels[0][inside].mean() < one.pixels[0][grown & ~inside].mean()

    assert darker >= 7


def test_speckle_moves_with_the_tissue(cine: SimulatedCine) -> None:
    beside = np.roll(cine.masks[0], 6, axis=1).astype(bool) & ~cine.masks[:2].any(axis=0)
    first, second = (frame[beside].astype(float) for frame in cine.pixels[:2])
    other = simulated(12, TIMES_MS[:1]).pixels[0]
    strange = np.resize(other, cine.pixels[0].shape)[beside].astype(float)

    assert np.corrcoef(first, second)[0, 1] > 0.3 > np.corrcoef(first, strange)[0, 1]
