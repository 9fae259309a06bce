"""The left ventricle in an apical view: area, long axis and volume of its outline in one frame."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from echocare_core.errors import SettingsError
from echocare_core.tasks.measurements import Line, Spacing
from echocare_core.types import Measurement

Method = Literal["area_length", "discs"]
VOLUME = "left_ventricle_volume"  # name of the measurement that an ejection fraction is made of
REGRESSED_VOLUME = "left_ventricle_volume_regression"  # and of the one that is not measured on an outline
DISCS = 20  # as Schiller et al., J Am Soc Echocardiogr 2:358, 1989
NEAR_AXIS = 0.15  # half width of the strip in which the long axis ends, as a share of the mean half width
ML, PX3 = 1000.0, 1.0  # cubic units of a length in one of the volume


def area_length_volume(area: float, length: float) -> float:
    """Single-plane area-length volume, 8 A^2 / (3 pi L), in cubic units of the length.

    Dodge et al., Am Heart J 60:762, 1960; for echocardiography Lang et al., J Am Soc Echocardiogr 18:1440, 2005.
    """
    return 8 * area**2 / (3 * np.pi * length)


def measure_ventricle(
    mask: NDArray[np.uint8], spacing_mm: Spacing, *, label: int, method: Method
) -> tuple[Measurement, ...]:
    """Area, long axis and volume of the largest part of a label.

    The long axis runs through the centroid along the direction of the largest second moment: for a ventricle from the
    apex to the middle of the mitral plane.

    Args:
        mask: (height, width), label numbers.
        spacing_mm: (row, column); area, length and volume are in pixels where it is None.
        label: number of the left ventricle.
        method: of the volume: "area_length" (`area_length_volume`), or "discs", which takes the ventricle as 20 round
            discs across the long axis (modified Simpson's rule in one plane; Schiller et al. 1989).

    Returns:
        `left_ventricle_area`, `left_ventricle_length` and `left_ventricle_volume`; nothing where there is none.

    Raises:
        SettingsError: another method.
    """
    if method not in ("area_length", "discs"):
        raise SettingsError(f"The method of volumes is {method!r}; needed 'area_length' or 'discs'. Set it so.")
    parts = measure.label(mask == label)
    if not parts.any():
        return ()
    largest = 1 + int(np.bincount(parts.ravel())[1:].argmax())
    steps = np.array(spacing_mm or (1.0, 1.0))
    points, area_of_pixel = np.argwhere(parts == largest) * steps, float(np.prod(steps))
    area = len(points) * area_of_pixel
    axis = _long_axis(points, steps)
    length = float(np.linalg.norm(axis[1] - axis[0]))
    if method == "area_length":
        volume = area_length_volume(area, length)
    else:
        volume = _volume_of_discs(points, axis, area_of_pixel)
    unit, cubic, per_volume = ("mm", "ml", ML) if spacing_mm else ("px", "px3", PX3)
    return (
        Measurement("left_ventricle_area", area, f"{unit}2"),
        Measurement("left_ventricle_length", length, unit, axis / steps),
        Measurement(VOLUME, volume / per_volume, cubic),
    )


def _long_axis(points: Line, steps: NDArray[np.float64]) -> Line:
    """Both ends (2, 2) of the long axis of a cloud of pixels, half a pixel beyond the last centres."""
    centre = points.mean(axis=0)
    moments, directions = np.linalg.eigh(np.cov((points - centre).T) if len(points) > 2 else np.eye(2))
    direction, aside = directions[:, 1], directions[:, 0]
    along, across = (points - centre) @ direction, (points - centre) @ aside
    strip = np.abs(across) <= max(NEAR_AXIS * 2 * np.sqrt(moments[0]), float(steps.max()))
    half_pixel = float(np.abs(direction) @ steps) / 2
    first, last = along[strip].min() - half_pixel, along[strip].max() + half_pixel
    return np.stack([centre + first * direction, centre + last * direction])


def _volume_of_discs(points: Line, axis: Line, area_of_pixel: float) -> float:
    """Sum of pi / 4 d^2 h over discs of the height h, whose diameters d are their areas by h."""
    length = np.linalg.norm(axis[1] - axis[0])
    places = (points - axis[0]) @ (axis[1] - axis[0]) / length**2
    height = length / DISCS
    pixels, _ = np.histogram(places.clip(0, 1), DISCS, (0, 1))
    diameters = pixels * area_of_pixel / height
    return float(np.pi / 4 * (diameters**2).sum() * height)
