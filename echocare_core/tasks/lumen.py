"""How wide a vessel is: along it where it is seen lengthwise, in all directions where it is seen across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from echocare_core.tasks.measurements import (
    Line,
    Spacing,
    extent_line,
    largest_part,
    outline_corners,
    reach_by_degree,
)
from echocare_core.types import Measurement

_DEGREE, _ROUNDS = 3, 3  # of the polynomial that is the centre line, and how often it is fitted
_SHORTEST = 16  # pixels of a vessel: fewer make no centre line
_STEP = 0.25  # pixels, along a diameter
_REACH = 3.0  # mean widths: what is wider on one side of the centre line is no vessel


class Widths(NamedTuple):
    """Diameters of a vessel.

    Attributes:
        values: (diameters,), of those that the picture shows whole.
        lines: (diameters, 2, 2), where each was measured, (row, column) in pixels whose centres have whole numbers.
        centre: (points, 2), the centre line, in such pixels; None where the vessel is seen across.
        length: of the centre line; 0 where there is none.
    """

    values: Line
    lines: Line
    centre: Line | None = None
    length: float = 0.0


def measure_lumen(
    mask: NDArray[np.uint8],
    spacing_mm: Spacing,
    *,
    label: int,
    name: str,
    counted: str,
    smallest_share: float,
    lengthwise_from: float,
    sections: int,
) -> tuple[Measurement, ...]:
    """Area of the largest part of a label that is the lumen of a vessel, and its mean, smallest and largest diameter.

    A part that is `lengthwise_from` times as long as it is wide shows the vessel lengthwise. Its centre line is a
    polynomial of third degree along its long axis through the middles of its sections, and diameters stand at a right
    angle to it, at even steps but for half a width at either end, where the outline closes or is cut obliquely. Else
    the vessel is seen across, and the diameters are its extents in all directions (Feret diameters). Diameters that end
    at the edge of the picture are left out, since the lumen goes on there.

    Args:
        mask: (height, width), label numbers.
        spacing_mm: (row, column); lengths are in pixels where it is None.
        label: what is measured, such as 1.
        name: what one part is, such as "lumen".
        counted: what several are, such as "lumens".
        smallest_share: a separate part is counted from this share of the area of the largest part on.
        lengthwise_from: greatest extent of a part by its smallest, from which on it shows the vessel lengthwise.
        sections: how many diameters are measured along it.

    Returns:
        The count, and where there is a part the area of what is seen of it, `NAME_area`, its `NAME_length` along the
        centre line where it is seen lengthwise, and, unless the edge of the picture cuts all diameters,
        `NAME_mean_diameter`, `NAME_minimum_diameter` and `NAME_maximum_diameter`.
    """
    largest, areas_px = largest_part(mask, label, spacing_mm)
    if largest is None:
        return (Measurement(counted, 0.0, "count"),)
    count = np.count_nonzero(areas_px >= smallest_share * areas_px.max())
    unit, spacing = ("mm", spacing_mm) if spacing_mm else ("px", (1.0, 1.0))
    if _is_lengthwise(largest, spacing, lengthwise_from):
        widths = _lengthwise(largest, mask.shape, spacing, sections)
    else:
        widths = _across(largest, mask.shape, spacing)
    return (
        Measurement(counted, float(count), "count"),
        Measurement(f"{name}_area", float(largest.area), f"{unit}2"),
        *_named(widths, name, unit),
    )


def _named(widths: Widths, name: str, unit: str) -> Iterator[Measurement]:
    if widths.centre is not None:
        yield Measurement(f"{name}_length", widths.length, unit, widths.centre)
    if len(widths.values):
        narrow, wide = int(widths.values.argmin()), int(widths.values.argmax())
        yield Measurement(f"{name}_mean_diameter", float(widths.values.mean()), unit)
        yield Measurement(f"{name}_minimum_diameter", float(widths.values[narrow]), unit, widths.lines[narrow])
        yield Measurement(f"{name}_maximum_diameter", float(widths.values[wide]), unit, widths.lines[wide])


def _is_lengthwise(part: Any, spacing: tuple[float, float], lengthwise_from: float) -> bool:
    along = reach_by_degree(outline_corners(part), spacing)
    extents = along.max(axis=0) - along.min(axis=0)
    return bool(extents.max() >= max(lengthwise_from * extents.min(), _SHORTEST * max(spacing)))


def _across(part: Any, size: tuple[int, ...], spacing: tuple[float, float]) -> Widths:
    """The extents in the directions in which what reaches farthest does not lie at the edge of the picture."""
    corners = outline_corners(part)
    along = reach_by_degree(corners, spacing)
    at_edge = ((corners == 0) | (corners == size)).any(axis=1)
    whole = np.flatnonzero(~(at_edge[along.argmin(axis=0)] | at_edge[along.argmax(axis=0)]))
    lines = [extent_line(along, int(degree)) / spacing - 0.5 for degree in whole]
    return Widths((along.max(axis=0) - along.min(axis=0))[whole], np.array(lines).reshape(-1, 2, 2))


def _lengthwise(part: Any, size: tuple[int, ...], spacing: tuple[float, float], sections: int) -> Widths:
    """Diameters at a right angle to the centre line, which is fitted anew to their middles."""
    places = np.argwhere(part.image) + np.array(part.bbox[:2])
    turn = np.array([[np.cos(part.orientation), np.sin(part.orientation)]])  # of the long axis, (row, column)
    axes = np.concatenate([turn, turn[:, ::-1] * (-1, 1)])  # along and across, rows of a rotation
    middle = places.mean(axis=0) * spacing
    along, across = axes @ (places * spacing - middle).T
    first, last = float(along.min()), float(along.max())
    width = part.area / (last - first)
    inner = np.abs(along - (first + last) / 2) <= (last - first - width) / 2
    curve = np.polynomial.Polynomial.fit(along[inner], across[inner], _DEGREE, domain=[first, last])
    whole = np.zeros(size, dtype=np.float32)
    whole[part.slice] = part.image
    for _ in range(_ROUNDS):
        centres, normals, length, every = _sections(curve, first, last, width, sections)
        ends = [_ends(whole, centres, side * normals, axes, middle, spacing, _REACH * width) for side in (-1, 1)]
        lines = np.stack(ends, axis=1)
        shown = _is_shown(lines, size)
        if np.count_nonzero(shown) <= _DEGREE:
            break
        along, across = axes @ (lines[shown].mean(axis=1) * spacing - middle).T
        curve = np.polynomial.Polynomial.fit(along, across, _DEGREE, domain=[first, last])
    values = np.hypot(*((lines[:, 1] - lines[:, 0]) * spacing).T)
    return Widths(values[shown], lines[shown], (every @ axes + middle) / spacing, length)


def _sections(curve: Any, first: float, last: float, width: float, sections: int) -> tuple[Line, Line, float, Line]:
    """Places along a centre line and its normals there, each (sections, 2); its length; and itself, (points, 2)."""
    along = np.linspace(first, last, 8 * sections)
    every = np.stack([along, curve(along)], axis=1)
    passed = np.concatenate([[0.0], np.hypot(*np.diff(every, axis=0).T).cumsum()])
    inside = np.interp(np.linspace(width / 2, passed[-1] - width / 2, sections), passed, along)
    normals = np.stack([-curve.deriv()(inside), np.ones(sections)], axis=1)
    normals /= np.hypot(*normals.T)[:, np.newaxis]
    return np.stack([inside, curve(inside)], axis=1), normals, float(passed[-1]), every[::8]


def _ends(
    part: NDArray[np.float32],
    centres: Line,
    normals: Line,
    axes: Line,
    middle: Line,
    spacing: tuple[float, float],
    reach: float,
) -> Line:
    """Where the part ends on the way from each centre along its normal: (sections, 2), nan where it is not met."""
    steps = np.arange(0.0, reach, _STEP * min(spacing))
    ways = centres[:, np.newaxis] + steps[:, np.newaxis] * normals[:, np.newaxis]
    pixels = (ways @ axes + middle) / spacing
    inside = map_coordinates(part, np.moveaxis(pixels, -1, 0), order=1, mode="grid-constant") >= 0.5
    left = (~inside).argmax(axis=1)
    met = inside[:, 0] & ~inside.all(axis=1)
    rows = np.arange(len(left))
    found = (pixels[rows, left] + pixels[rows, left - 1]) / 2
    return np.where(met[:, np.newaxis], found, np.nan)


def _is_shown(lines: Line, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether both ends of each line were found, and inside the picture."""
    with np.errstate(invalid="ignore"):
        return np.asarray(((lines > 0) & (lines < np.array(size) - 1)).all(axis=(1, 2)))
