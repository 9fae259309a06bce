"""A cine of a ventricle over several beats, and the truth of every frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from echocare_core.phantom.beat import Beats
from echocare_core.phantom.heart import build_heart
from echocare_core.phantom.look import draw_scanner
from echocare_core.phantom.scanner import Scanner
from echocare_core.phantom.ventricle import Ventricle

BELOW_MM = 12.0  # of the mitral plane that is seen at least
APEX_DEPTH_MM, TURN_DEGREES = (8.0, 32.0), 22.0
SWAY_MM, SWAY_DEGREES, SWAY_MS = 2.5, 2.0, (3000.0, 5000.0)  # by breath and by the hand that holds the probe


@dataclass(frozen=True)
class SimulatedCine:
    """Frames with their truth.

    Attributes:
        pixels: uint8 (time, height, width), grey.
        masks: uint8 (time, height, width), 1 = cavity of the left ventricle.
        spacing_mm: of a pixel, which is square.
        times_ms: of each frame.
        volumes_ml: of each frame, area-length of its outline.
        end_diastolic_volume_ml, end_systolic_volume_ml, ejection_fraction_percent: of the ventricle.
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    spacing_mm: float
    times_ms: NDArray[np.float64]
    volumes_ml: NDArray[np.float64]
    end_diastolic_volume_ml: float
    end_systolic_volume_ml: float
    ejection_fraction_percent: float


def simulate_cine(
    ventricle: Ventricle, times_ms: NDArray[np.float64], generator: np.random.Generator, *, height: int
) -> SimulatedCine:
    """Scan a ventricle at given times, with a heart round it, a scanner and a rhythm that are drawn at random.

    Args:
        ventricle: apex at the top, in mm.
        times_ms: when a frame is recorded.
        generator: of everything that is chosen; the same state gives the same cine.
        height: of the pictures in pixels; they are about a third wider.
    """
    placed = _place(ventricle, generator)
    lowest = max(float(outline[:, 0].max()) for outline in (placed.diastole, placed.systole))
    scanner = draw_scanner(generator, lowest + BELOW_MM, height)
    heart, beats = build_heart(placed, scanner.depth_mm, scanner.opening, generator), Beats.draw(generator)
    sway = _Sway.draw(generator)
    contractions, openings = beats.contraction(times_ms), beats.opening(times_ms)
    pixels, masks = [], []
    for time_ms, contraction, opening in zip(times_ms, contractions, openings, strict=True):
        outline = placed.at(contraction)
        places, amplitudes = heart.at(contraction, opening, outline, generator)
        turned = np.asarray(sway.at(places, time_ms), np.float32)
        pixels.append(scanner.picture(scanner.echoes(turned, amplitudes, generator)))
        masks.append(_mask(scanner, sway.at(outline, time_ms)))
    return SimulatedCine(
        np.stack(pixels),
        np.stack(masks),
        scanner.spacing_mm,
        times_ms,
        np.array([placed.volume_ml(contraction) for contraction in contractions]),
        placed.volume_ml(0),
        placed.volume_ml(1),
        placed.ejection_fraction_percent,
    )


def _mask(scanner: Scanner, outline: NDArray[np.floating]) -> NDArray[np.uint8]:
    return polygon2mask(scanner.size, scanner.to_pixels(outline) - 0.5).astype(np.uint8)


def _place(ventricle: Ventricle, generator: np.random.Generator) -> Ventricle:
    """The ventricle in the sector: below the probe, turned, its lateral wall on the right."""
    turn = np.deg2rad(generator.normal(0, TURN_DEGREES / 2))
    turn = float(np.clip(turn, -np.deg2rad(TURN_DEGREES), np.deg2rad(TURN_DEGREES)))
    apex = ventricle.diastole[ventricle.apex]
    start = np.array([generator.uniform(*APEX_DEPTH_MM), generator.normal(0, 7) - 30 * np.sin(turn)])
    around = _rotation(turn)
    diastole, systole = ((outline - apex) @ around + start for outline in (ventricle.diastole, ventricle.systole))
    return replace(ventricle, diastole=diastole, systole=systole)


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@dataclass(frozen=True)
class _Sway:
    """A slow movement of the heart before the probe."""

    shift_mm: NDArray[np.float64]
    turn: float
    period_ms: float
    start: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> _Sway:
        turn = np.deg2rad(generator.uniform(-SWAY_DEGREES, SWAY_DEGREES))
        period, start = generator.uniform(*SWAY_MS), generator.uniform(0, 2 * np.pi)
        return cls(generator.uniform(-SWAY_MM, SWAY_MM, 2), turn, period, start)

    def at(self, places: NDArray[np.floating], time_ms: float) -> NDArray[np.floating]:
        how_far = np.sin(2 * np.pi * time_ms / self.period_ms + self.start)
        return places @ _rotation(self.turn * how_far) + self.shift_mm * how_far
