"""From masks to numbers with units: geometry that several tasks share."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipe
from skimage import measure

from echocare_core.frames.sector import Beams
from echocare_core.tasks.depth import measure_depth
from echocare_core.tasks.gestational_age import measure_gestational_age
from echocare_core.types import Measurement

Spacing = tuple[float, float] | None
Line = NDArray[np.floating[Any]]
IN_PIXELS = {"px": 1, "px2": 2, "px3": 3}  # units that grow with the picture, with what power
_DIRECTIONS = np.stack([np.cos(np.deg2rad(np.arange(180))), np.sin(np.deg2rad(np.arange(180)))])


def known_spacing(spacing_mm: Any) -> Spacing:
    """(row, column) millimetres per pixel, None in place of nan."""
    row, column = (float(value) for value in spacing_mm)
    return None if math.isnan(row) or math.isnan(column) else (row, column)


def in_recorded_frame(one: Measurement, corner: tuple[int, int], factor: int) -> Measurement:
    """What was measured in the scan region, in pixels of the recorded frame.

    Args:
        one: in pixels of the scan region.
        corner: (row, column) of the region in the frame that was loaded.
        factor: by which that was reduced, 1 where it was not.
    """
    line_px = None if one.line_px is None else as_recorded(one.line_px + corner, factor)
    return replace(one, value=one.value * factor ** IN_PIXELS.get(one.unit, 0), line_px=line_px)


def as_recorded(places: Line, factor: int) -> Line:
    """Places (..., 2) in pixels of a frame that was reduced by a factor, in pixels of the recorded one."""
    recorded: Line = (places + 0.5) * factor - 0.5
    return recorded


def measure_parts(
    mask: NDArray[np.uint8],
    spacing_mm: Spacing,
    *,
    label: int,
    name: str,
    counted: str,
    smallest_share: float,
    beams: Beams | None = None,
) -> tuple[Measurement, ...]:
    """Area, axes and depth of the largest part of a label, and how many separate parts there are.

    The long axis is the greatest distance between two points of the outline (maximum Feret diameter), the short axis
    how far the outline reaches at a right angle to it, the depth that below the skin (`measure_depth`).

    Args:
        mask: (height, width), label numbers.
        spacing_mm: (row, column); lengths are in pixels where it is None.
        label: what is measured, such as 1.
        name: what one part is, such as "lesion".
        counted: what several are, such as "lesions".
        smallest_share: a separate part is counted from this share of the area of the largest part on.
        beams: of the picture; None where they are not known.

    Returns:
        The count, and where there is a part its area, `NAME_area`, `NAME_long_axis` and `NAME_short_axis`, and, where
        the beams are known, `NAME_depth`.
    """
    largest, areas_px = largest_part(mask, label, spacing_mm)
    if largest is None:
        return (Measurement(counted, 0.0, "count"),)
    count = np.count_nonzero(areas_px >= smallest_share * areas_px.max())
    unit = "mm" if spacing_mm else "px"
    spacing = spacing_mm or (1.0, 1.0)
    long, short = _axes(outline_corners(largest), spacing)
    depths = [measure_depth(whole_part(largest, mask.shape), beams, spacing)] if beams else []
    return (
        Measurement(counted, float(count), "count"),
        Measurement(f"{name}_area", float(largest.area), f"{unit}2"),
        Measurement(f"{name}_long_axis", long[0], unit, long[1]),
        Measurement(f"{name}_short_axis", short[0], unit, short[1]),
        *(Measurement(f"{name}_depth", depth, unit, line) for depth, line in depths),
    )


def whole_part(part: Any, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """A part in a mask of its own."""
    whole = np.zeros(size, dtype=np.bool_)
    whole[part.slice] = part.image
    return whole


def outline_corners(part: Any) -> Line:
    """Corners of the pixels of a part that are the first or last of their row: (row, column) in the mask."""
    padded = np.pad(part.image, 1)
    corners = padded[1:, 1:] | padded[1:, :-1] | padded[:-1, 1:] | padded[:-1, :-1]
    rows, width = np.flatnonzero(corners.any(axis=1)), corners.shape[1]
    first, last = corners.argmax(axis=1)[rows], width - 1 - corners[:, ::-1].argmax(axis=1)[rows]
    points = np.stack([np.tile(rows, 2), np.concatenate([first, last])], axis=1)
    return points + np.array(part.bbox[:2])


def _axes(corners: Line, spacing: tuple[float, float]) -> list[tuple[float, Line]]:
    """Greatest extent over all directions, in steps of one degree (error below 0.004 %), and that at a right angle.

    No point of a shape reaches farther in any direction than the first and last ones of its rows.

    Returns:
        Length in the unit of `spacing`, and a line (2, 2) in pixels whose centres have whole numbers, for each.
    """
    along = reach_by_degree(corners, spacing)
    extents = along.max(axis=0) - along.min(axis=0)
    longest = int(extents.argmax())
    across = (longest + 90) % 180
    ends = corners[[along[:, longest].argmin(), along[:, longest].argmax()]]
    return [
        (float(extents[longest]), ends - 0.5),
        (float(extents[across]), extent_line(along, across) / spacing - 0.5),
    ]


def reach_by_degree(corners: Line, spacing: tuple[float, float]) -> Line:
    """How far each corner (corners, 2) lies in the directions of 0 to 179 degrees: (corners, 180)."""
    return np.asarray(corners * spacing @ _DIRECTIONS)


def extent_line(along: Line, degree: int) -> Line:
    """Where the extent in a direction is drawn: through the middle of what reaches farthest, (2, 2).

    Args:
        along: of `reach_by_degree`.
        degree: of the direction.
    """
    aside = (degree + 90) % 180
    sides = along[:, degree].min(), along[:, degree].max()
    middle = np.mean([along[np.isclose(along[:, degree], side), aside].mean() for side in sides])
    return np.stack([middle * _DIRECTIONS[:, aside] + side * _DIRECTIONS[:, degree] for side in sides])


def measure_head(mask: NDArray[np.uint8], spacing_mm: Spacing, *, outline_inset: float) -> tuple[Measurement, ...]:
    """Head circumference and axes of the ellipse that has the area and second moments of the largest head.

    Occipitofrontal diameter is taken as the long axis, biparietal diameter (outer to outer) as the short one, as in
    HC18 (van den Heuvel et al., PLoS ONE 2018). An ellipse by moments rests on the whole area, so a ragged outline
    moves it little.

    Args:
        mask: (height, width), 1 = head.
        spacing_mm: (row, column); lengths are in pixels where it is None.
        outline_inset: how far inside the edge of the mask the measured outline runs, as a share of the long side of the
            scan region; for masks filled to the outer edge of a drawn line.

    Returns:
        As `measure_ellipse`; nothing where no head was found.
    """
    largest, _ = largest_part(mask, 1, spacing_mm)
    if largest is None or largest.axis_minor_length == 0:
        return ()
    inset_px = outline_inset * max(mask.shape)
    inset = 2 * inset_px * (sum(spacing_mm) / 2 if spacing_mm else 1.0)
    long, short = largest.axis_major_length - inset, largest.axis_minor_length - inset
    if short <= 0:
        return ()
    turn = np.array([np.cos(largest.orientation), np.sin(largest.orientation)])
    return measure_ellipse(Ellipse(np.array(largest.centroid), turn, float(long), float(short)), spacing_mm)


class Ellipse(NamedTuple):
    """The outline of a head, in millimetres, or in pixels where nothing calibrates the picture.

    Attributes:
        centre: (row, column).
        turn: (row, column), of length 1: the direction of the long axis.
        long: length of the long axis.
        short: length of the short axis.
    """

    centre: Line
    turn: Line
    long: float
    short: float

    def line(self, long: float, short: float, angles: Line) -> Line:
        """Points (row, column) of an ellipse about this one's centre, turned like it, with axes of these lengths."""
        along, across = long / 2 * np.cos(angles), short / 2 * np.sin(angles)
        return np.outer(along, self.turn) + np.outer(across, (-self.turn[1], self.turn[0])) + self.centre


def measure_ellipse(outline: Ellipse, spacing_mm: Spacing) -> tuple[Measurement, ...]:
    """What is measured of a head by its outline, with the lines in pixels.

    Args:
        outline: of the head.
        spacing_mm: (row, column); None where the outline is in pixels.

    Returns:
        `head_circumference`, `occipitofrontal_diameter` (the long axis), `biparietal_diameter` (the short one), and
        those of `measure_gestational_age`.
    """
    unit, (_, _, long, short) = "mm" if spacing_mm else "px", outline

    def drawn(long: float, short: float, angles: Line) -> Line:
        points: Line = outline.line(long, short, angles) / (spacing_mm or (1.0, 1.0))
        return points

    around = np.linspace(0, 2 * np.pi, 73)
    circumference = ellipse_perimeter(max(long, short) / 2, min(long, short) / 2)
    measured = Measurement("head_circumference", circumference, unit, drawn(long, short, around))
    return (
        measured,
        Measurement("occipitofrontal_diameter", long, unit, drawn(long, 0, np.array([0, np.pi]))),
        Measurement("biparietal_diameter", short, unit, drawn(0, short, np.array([np.pi, -np.pi]) / 2)),
        *measure_gestational_age(measured),
    )


def largest_part(mask: NDArray[np.uint8], of: int, spacing_mm: Spacing) -> tuple[Any, NDArray[np.int64]]:
    """The largest separate part of a label, None where there is none; and how many pixels each part has."""
    numbers = measure.label(mask == of)
    areas_px = np.bincount(numbers.ravel())[1:]
    if not len(areas_px):
        return None, areas_px
    largest = (numbers == 1 + areas_px.argmax()).astype(np.uint8)
    return measure.regionprops(largest, spacing=spacing_mm or (1.0, 1.0))[0], areas_px


def ellipse_perimeter(a: float, b: float) -> float:
    """Exact perimeter of an ellipse with semi-axes a >= b: 4 a E(1 - b^2 / a^2)."""
    return float(4 * a * ellipe(1 - (b / a) ** 2))
