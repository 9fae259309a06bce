"""Left ventricles made by hand: a truncated ellipsoid in the apical view, at the end of diastole and of systole.

No number here was learned from patients' contours. Ranges are wider than those of the healthy, from which they start:
end-diastolic volume 46 to 150 ml and ejection fraction 52 to 74 % (Lang et al., J Am Soc Echocardiogr 28:1, 2015), and
a mitral annulus that moves 12 to 15 mm along the long axis (Hu et al., Eur Heart J Cardiovasc Imaging 14:205, 2013).
How wide a ventricle is beside its length, how it is cut, bent and uneven was chosen by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echocare_core.tasks.ventricle import area_length_volume

Outline = NDArray[np.float64]  # (points, 2): (depth, across) in mm
SIDE = 24  # points of each side, the apex included
BETWEEN = 8  # points in place of each, where distances from the wall are measured
VOLUME_ML, EJECTION_PERCENT, SPHERICITY = (45.0, 260.0), (12.0, 78.0), (0.42, 0.68)
SHORTENING = (0.1, 0.35)  # of the long axis, as a share of the ejection fraction
CUT, ROUNDNESS, BEND, TILT = (0.1, 0.65), (1.9, 2.7), 0.05, 0.06


@dataclass(frozen=True)
class Ventricle:
    """The cavity of a left ventricle in an apical view at both ends of systole, point by point.

    Attributes:
        diastole, systole: (points, 2), (depth, across) in mm: from the annulus of the lateral wall to the apex and down
            the septum; the mitral plane closes the outline.
        apex: number of the point that is the apex.
    """

    diastole: Outline
    systole: Outline
    apex: int

    def at(self, contraction: float) -> Outline:
        """The outline between both: 0 = end of diastole, 1 = end of systole."""
        return self.diastole + contraction * (self.systole - self.diastole)

    def volume_ml(self, contraction: float) -> float:
        """Single-plane area-length volume of the outline (`area_length_volume`)."""
        outline = self.at(contraction)
        length = float(np.linalg.norm(outline[self.apex] - (outline[0] + outline[-1]) / 2))
        return area_length_volume(polygon_area(outline), length) / 1000

    @property
    def ejection_fraction_percent(self) -> float:
        """Of the volumes at both ends."""
        end_diastolic, end_systolic = self.volume_ml(0), self.volume_ml(1)
        return 100 * (end_diastolic - end_systolic) / end_diastolic


def draw_ventricle(generator: np.random.Generator) -> Ventricle:
    """A ventricle at random, apex at (0, 0), long axis down; volume and ejection fraction spread evenly."""
    volume_ml, sphericity = np.exp(generator.uniform(*np.log(VOLUME_ML))), generator.uniform(*SPHERICITY)
    fraction = generator.uniform(*EJECTION_PERCENT) / 100
    shape = _Shape.draw(generator)
    diastole = _with_volume(shape, length=(6000 * volume_ml / (np.pi * sphericity**2)) ** (1 / 3), volume_ml=volume_ml)
    shortening = fraction * generator.uniform(*SHORTENING)
    contracted = _Shape(shape.cut, shape.roundness, shape.bend, shape.tilt, shape.waves + _waves(generator, 0.05))
    length = _length(diastole) * (1 - shortening)
    systole = _with_volume(contracted, length, volume_ml * (1 - fraction))
    apex_sinks = np.array([generator.uniform(0, 0.15) * shortening * length, 0])
    return Ventricle(diastole, systole + apex_sinks, SIDE - 1)


def polygon_area(outline: Outline) -> float:
    """The area that a closed outline encloses (Gauss's formula)."""
    down, across = outline.T
    return 0.5 * abs(float(down @ np.roll(across, 1) - across @ np.roll(down, 1)))


def close_outline(outline: Outline) -> Outline:
    """The closed outline, mitral plane included, with so many points that the nearest one is as far as the wall."""
    ends = pairwise([*outline, outline[0]])
    return np.concatenate([np.linspace(*two, BETWEEN, endpoint=False) for two in ends])


@dataclass(frozen=True)
class _Shape:
    """A truncated superellipse along a bent axis: where it is cut below its middle, how round, how crooked."""

    cut: float
    roundness: float
    bend: float
    tilt: float
    waves: NDArray[np.float64]  # (sides, SIDE), added to 1

    @classmethod
    def draw(cls, generator: np.random.Generator) -> _Shape:
        bend, tilt = generator.uniform(-BEND, BEND), generator.uniform(-TILT, TILT)
        return cls(generator.uniform(*CUT), generator.uniform(*ROUNDNESS), bend, tilt, _waves(generator, 0.07))

    def outline(self, length: float, width: float) -> Outline:
        """(points, 2) for a long axis and a greatest half width, in mm."""
        along = np.sin(np.linspace(0, np.pi / 2, SIDE)) ** 2  # dense at the apex and at the annulus
        height = np.abs(along * (1 + self.cut) - 1)
        half = width * (1 - height**self.roundness) ** (1 / self.roundness) * (1 + self.waves)
        axis = self.bend * length * np.sin(np.pi * along)
        lateral, septal = (np.stack([along, axis + sign * half[side]], 1) for side, sign in ((0, 1), (1, -1)))
        for side in (lateral, septal):
            side[:, 0] = side[:, 0] * length + self.tilt * along * side[:, 1]
        return np.concatenate([lateral[::-1], septal[1:]])


def _waves(generator: np.random.Generator, size: float) -> NDArray[np.float64]:
    """Smooth differences of both sides from the ellipse, as by papillary muscles and walls that move less."""
    along, orders = np.linspace(0, 1, SIDE), np.arange(1, 5)
    weights = generator.normal(0, size, (2, len(orders))) / orders
    return weights @ np.sin(np.pi * orders[:, None] * along)


def _length(outline: Outline) -> float:
    return float(np.linalg.norm(outline[SIDE - 1] - (outline[0] + outline[-1]) / 2))


def _with_volume(shape: _Shape, length: float, volume_ml: float) -> Outline:
    """The outline of that length and area-length volume; its area grows with its width, so a few steps find it."""
    width = 0.25 * length
    for _ in range(6):
        outline = shape.outline(length, width)
        width *= (volume_ml * 1000 / area_length_volume(polygon_area(outline), _length(outline))) ** 0.5
    return shape.outline(length, width)
