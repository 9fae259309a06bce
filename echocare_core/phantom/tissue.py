"""How loud each place in an apical view echoes: the wall of the left ventricle, other chambers, what is round them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.measure import points_in_poly

from echocare_core.phantom.look import smooth_field
from echocare_core.phantom.ventricle import Ventricle, close_outline

Numbers = NDArray[np.float64]
Where = NDArray[np.bool_]
RIGHT_SIDE = 0.75  # share of the views that show the right chambers; the others are two-chamber views


def tissue_at(places: Numbers, ventricle: Ventricle, generator: np.random.Generator) -> tuple[Numbers, Where]:
    """What lies at each place at the end of diastole.

    Args:
        places: (scatterers, 2), (depth, across) in mm.
        ventricle: in the same frame of reference.
        generator: of thicknesses, chambers and echoes.

    Returns:
        (scatterers,) loudness, and which of them are blood.
    """
    draw, there = generator.uniform, _Anatomy.of(places, ventricle)
    picture = _Painted(there.surroundings(generator))
    wall = np.where(there.across > 0, draw(6, 13), draw(7, 14)) * np.where(there.along < 0.1, draw(0.6, 1), 1)
    quiet, quieter = 10 ** draw(-1.9, -0.75), draw(0.05, 1.2)
    lateral = (there.across > 0) & ~there.inside
    picture.loud[lateral & (there.beside > wall) & (there.along > -0.1)] *= quieter  # the lung
    picture.paint(lateral & (np.abs(there.beside - wall - 0.8) < draw(0.6, 1.4)) & (there.along < 1), draw(0.8, 3))
    if draw(0, 1) < RIGHT_SIDE:
        _paint_right_side(picture, there, wall, quiet, generator)
    _paint_atrium(picture, there, quiet, generator)
    muscle = ~there.inside & (there.beside < wall) & (there.along < 1)
    picture.paint(muscle, draw(0.5, 1.1) * np.exp(draw(0.1, 0.9) * there.texture(generator)))
    picture.paint((there.to_annulus < draw(2, 4)) & ~there.inside, draw(0.7, 2.5))
    picture.paint(there.inside, quiet, blood=True)
    return picture.loud, picture.blood


class _Painted:
    """Loudness of places, one structure painted over another."""

    def __init__(self, loud: Numbers) -> None:
        self.loud, self.blood = loud, np.zeros(len(loud), bool)

    def paint(self, where: Where, loud: Numbers | float, *, blood: bool = False) -> None:
        self.loud[where] = loud if np.isscalar(loud) else np.asarray(loud)[where]
        self.blood[where] = blood


@dataclass(frozen=True)
class _Anatomy:
    """Where places lie as seen from a ventricle.

    Attributes:
        places: (depth, across) in mm.
        inside: of the cavity.
        beside: distance from its outline in mm.
        along: 0 at the apex, 1 at the mitral plane.
        across: distance from the long axis in mm, positive towards the lateral wall.
        to_annulus: distance from the nearer end of the mitral plane in mm.
        length: of the long axis in mm.
        annulus: half width of the mitral plane in mm.
    """

    places: Numbers
    inside: Where
    beside: Numbers
    along: Numbers
    across: Numbers
    to_annulus: Numbers
    length: float
    annulus: float

    @classmethod
    def of(cls, places: Numbers, ventricle: Ventricle) -> _Anatomy:
        """Where places (n, 2) lie in a ventricle at the end of diastole."""
        outline = ventricle.diastole
        apex, base = outline[ventricle.apex], (outline[0] + outline[-1]) / 2
        length = float(np.linalg.norm(base - apex))
        down = (base - apex) / length
        aside = np.array([-down[1], down[0]])
        aside *= np.sign((outline[0] - base) @ aside)
        ends = [np.linalg.norm(places - end, axis=1) for end in (outline[0], outline[-1])]
        return cls(
            places,
            points_in_poly(places, outline),
            cKDTree(close_outline(outline)).query(places)[0],
            (places - apex) @ down / length,
            (places - base) @ aside,
            np.minimum(*ends),
            length,
            float(np.linalg.norm(outline[0] - outline[-1])) / 2,
        )

    def texture(self, generator: np.random.Generator) -> Numbers:
        """Loudness that varies over centimetres, of about unit variance."""
        field = smooth_field(generator, (64, 64), (12, 12))
        low, high = self.places.min(axis=0), self.places.max(axis=0)
        rows, columns = ((self.places - low) / (high - low) * 63).astype(int).T
        return field[rows, columns].astype(np.float64)

    def surroundings(self, generator: np.random.Generator) -> Numbers:
        """What is round the heart."""
        return generator.uniform(0.1, 1.0) * np.exp(generator.uniform(0.2, 0.9) * self.texture(generator))

    def from_ellipse(self, along: float, across: float, radii: tuple[float, float]) -> Numbers:
        """Distance from a point of the anatomy, as a share of the radii (mm) along and across."""
        return np.hypot((self.along - along) * self.length / radii[0], (self.across - across) / radii[1])


def _paint_right_side(
    picture: _Painted, there: _Anatomy, wall: Numbers, quiet: float, generator: np.random.Generator
) -> None:
    """The right ventricle beside the septum and the right atrium below it, with their walls."""
    draw = generator.uniform
    free_wall, loud = draw(2, 6), draw(0.5, 1.3)
    begin, widest, end = draw(0.1, 0.4), draw(22, 50), draw(0.9, 1.05)
    width = widest * ((there.along - begin) / (end - begin)).clip(0, 1) ** draw(0.5, 0.9)
    beyond = there.beside - wall
    septal = (there.across < 0) & ~there.inside & (beyond >= 0) & (there.along < end)
    picture.paint(septal & (beyond < width + free_wall) & (there.along > begin - 0.1), loud)
    picture.paint(septal & (beyond < width), quiet, blood=True)
    radii = draw(18, 30), draw(16, 28)
    middle = -there.annulus - float(wall[there.across < 0].mean()) - radii[1] - draw(-2, 5)
    away = there.from_ellipse(end + 0.9 * radii[0] / there.length, middle, radii)
    below = (there.along > end) & (there.across < 0)
    picture.paint(below & (away < 1 + free_wall / radii[0]), loud)
    picture.paint(below & (away < 1), quiet, blood=True)


def _paint_atrium(picture: _Painted, there: _Anatomy, quiet: float, generator: np.random.Generator) -> None:
    """The left atrium below the mitral plane, with its wall."""
    draw = generator.uniform
    radii = draw(0.18, 0.38) * there.length, there.annulus * draw(0.85, 1.5)
    away = there.from_ellipse(1 + 0.92 * radii[0] / there.length, draw(-0.15, 0.15) * there.annulus, radii)
    picture.paint((away < 1 + draw(1.5, 4) / min(radii)) & (there.along > 0.98), draw(0.4, 1.4))
    picture.paint((away < 1) & (there.along > 1), quiet, blood=True)
