"""What lies round a left ventricle in the apical views, as scatterers that move with its walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from echocare_core.phantom.tissue import tissue_at
from echocare_core.phantom.ventricle import Outline, Ventricle, close_outline

Places = NDArray[np.float32]  # (scatterers, 2): (depth, across) in mm
TISSUE_PER_MM2 = 1.3
CARRIED_MM = 28.0  # from the wall on, over which tissue follows it less and less
NEAR_MM = 1.5  # points of the wall that are as near as this count alike
LEAFLET = 90  # scatterers of a leaflet of the mitral valve


@dataclass(frozen=True)
class Heart:
    """Scatterers of a heart and of what is round it.

    Attributes:
        places: (scatterers, 2) at the end of diastole.
        moves: (scatterers, 2), how far each has moved at the end of systole.
        amplitudes: (scatterers,).
        is_blood: (scatterers,) bool; blood is mixed from one frame to the next.
        leaflet_mm: length of the leaflets of the mitral valve.
        leaflet_amplitude: of their scatterers.
    """

    places: Places
    moves: Places
    amplitudes: NDArray[np.float32]
    is_blood: NDArray[np.bool_]
    leaflet_mm: float
    leaflet_amplitude: float

    def at(
        self, contraction: float, opening: float, outline: Outline, generator: np.random.Generator
    ) -> tuple[Places, NDArray[np.float32]]:
        """Places and amplitudes of all scatterers at one time.

        Args:
            contraction: 0 at the end of diastole, 1 at the end of systole.
            opening: of the mitral valve, 0 to 1.
            outline: of the cavity at that time.
            generator: mixes the blood.
        """
        places = self.places + np.float32(contraction) * self.moves
        amplitudes = self.amplitudes.copy()
        amplitudes[self.is_blood] *= generator.normal(size=int(self.is_blood.sum())).astype(np.float32)
        leaflets = self._leaflets(opening, outline)
        own = generator.normal(self.leaflet_amplitude, 0.3 * self.leaflet_amplitude, len(leaflets))
        return np.concatenate([places, leaflets]), np.concatenate([amplitudes, own.astype(np.float32)])

    def _leaflets(self, opening: float, outline: Outline) -> Places:
        """Both leaflets: from the annulus to the middle of a closed valve, into the ventricle of an open one."""
        middle = (outline[0] + outline[-1]) / 2
        apex = outline[len(outline) // 2]
        up = (apex - middle) / np.linalg.norm(apex - middle)
        along = np.linspace(0, 1, LEAFLET)[:, None]
        sides = []
        for annulus in (outline[0], outline[-1]):
            inward = (middle - annulus) / np.linalg.norm(middle - annulus)
            turn = np.deg2rad(8 + 62 * opening)
            length = min(self.leaflet_mm, 1.02 * float(np.linalg.norm(middle - annulus)) / np.cos(np.deg2rad(8)))
            straight = length * (np.cos(turn) * inward + np.sin(turn) * up)
            sides.append(annulus + along * straight + np.sin(np.pi * along) * 0.08 * length * up)
        return np.concatenate(sides).astype(np.float32)


def build_heart(ventricle: Ventricle, depth_mm: float, opening: float, generator: np.random.Generator) -> Heart:
    """A heart round a ventricle that lies in a sector, with all that the sector shows of it.

    Args:
        ventricle: in the sector, the probe at (0, 0).
        depth_mm: of the sector.
        opening: of the sector, in radians.
        generator: of thicknesses, chambers and echoes.
    """
    places = _spread(depth_mm, opening, generator)
    amplitudes, is_blood = tissue_at(places, ventricle, generator)
    moves = _carried(places, ventricle)
    amplitudes = amplitudes * np.where(is_blood, 1, generator.normal(size=len(places)))
    return Heart(
        places.astype(np.float32),
        moves.astype(np.float32),
        amplitudes.astype(np.float32),
        is_blood,
        leaflet_mm=generator.uniform(16, 26),
        leaflet_amplitude=generator.uniform(0.5, 2.2),
    )


def _spread(depth_mm: float, opening: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Scatterers spread evenly over a sector, and a little beyond it."""
    number = int(TISSUE_PER_MM2 * 0.5 * opening * depth_mm**2)
    ranges = 1.05 * depth_mm * np.sqrt(generator.uniform(0, 1, number))
    angles = 1.1 * opening * generator.uniform(-0.5, 0.5, number)
    return np.stack([ranges * np.cos(angles), ranges * np.sin(angles)], 1)


def _carried(places: NDArray[np.float64], ventricle: Ventricle) -> NDArray[np.float64]:
    """How far each place moves until the end of systole: as the near points of the wall, less the farther it lies."""
    wall = close_outline(ventricle.diastole)
    shift = close_outline(ventricle.systole) - wall
    squared = cdist(places, wall, "sqeuclidean")
    near = 1 / (squared + NEAR_MM**2) ** 2  # so steep that a place on the wall moves as the wall, also at the apex
    moved = near @ shift / near.sum(axis=1, keepdims=True)
    return np.asarray(moved * np.exp(-np.sqrt(squared.min(axis=1, keepdims=True)) / CARRIED_MM))
