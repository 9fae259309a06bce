"""How pictures of different patients and scanners differ: a scanner at random."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from echocare_core.phantom.scanner import BEAMS, SAMPLES, Field, Scanner

DEPTH_MM, OPENING_DEGREES = (115.0, 185.0), (62.0, 96.0)


def draw_scanner(generator: np.random.Generator, least_depth_mm: float, height: int) -> Scanner:
    """A scanner with its settings and the window that a patient gives it.

    Args:
        generator: of everything that is chosen.
        least_depth_mm: that must be seen.
        height: of its pictures in pixels.
    """
    depth = max(least_depth_mm, generator.uniform(*DEPTH_MM))
    range_db = generator.uniform(38, 70)
    return Scanner(
        depth_mm=depth,
        opening=np.deg2rad(generator.uniform(*OPENING_DEGREES)),
        height=height,
        across_beams=generator.uniform(0.9, 2.0),
        along_samples=generator.uniform(0.5, 1.2),
        gain_db=_gain(generator),
        noise=10 ** generator.uniform(-3.0, -1.35),
        haze=_haze(generator),
        floor_db=generator.uniform(-8, 14) - range_db,
        range_db=range_db,
        gamma=generator.uniform(0.7, 1.5),
    )


def smooth_field(generator: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Field:
    """A smooth random field of about unit variance, with so many cells along its sides."""
    coarse = generator.normal(size=(cells[0] + 3, cells[1] + 3))
    factors = (shape[0] / cells[0], shape[1] / cells[1])
    return zoom(coarse, factors, order=2)[: shape[0], : shape[1]].astype(np.float32)


def _gain(generator: np.random.Generator) -> Field:
    """Attenuation that nobody compensates, uneven gain, and beams behind a rib or the lung."""
    depth, beams = np.linspace(0, 1, SAMPLES), np.arange(BEAMS)
    along = -generator.uniform(-8, 14) * depth ** generator.uniform(0.7, 2)
    uneven = generator.uniform(1, 6) * smooth_field(generator, (BEAMS, SAMPLES), (5, 5))
    shadow = np.zeros(BEAMS)
    for _ in range(generator.integers(0, 3)):
        middle = generator.choice([0, BEAMS]) + generator.normal(0, 12)
        shadow -= generator.uniform(6, 26) * np.exp(-(((beams - middle) / generator.uniform(6, 20)) ** 2))
    return np.asarray(along[None] + uneven + shadow[:, None], np.float32)


def _haze(generator: np.random.Generator) -> Field:
    """Reverberations of the chest wall in the near field, that do not move with the heart."""
    depth = np.linspace(0, 1, SAMPLES)
    fall = np.exp(-depth / generator.uniform(0.03, 0.12))
    texture = gaussian_filter(np.abs(generator.normal(size=(BEAMS, SAMPLES))), (3, 1))
    return np.asarray(10 ** generator.uniform(-2, 0.1) * fall * texture, np.float32)
