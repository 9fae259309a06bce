"""The shape of a scan sector and its robust fit to the edge of tissue.

A curved or phased array shows a ring's piece between two beams; scanners and screens cut it upright. All sectors are
therefore one shape: two flanks that meet in an apex, two arcs round it, and an upright box. A linear array's rectangle
is its limit (the box alone), a parallelogram has its apex far away. Ten numbers, in pixels and radians:

    apex x, apex y, left angle, right angle     of the flanks, from straight down; outward is positive
    inner radius, outer radius                  of the arcs; no top arc where the inner one is zero or less
    left, right, top, bottom                    of the box

Pixel (row, column) covers the square from (column, row) to (column + 1, row + 1). Shapes are float64 (..., 10), so that
many candidates are judged at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

X, Y, LEFT_ANGLE, RIGHT_ANGLE, INNER, OUTER, LEFT, RIGHT, TOP, BOTTOM = range(10)

# Lengths are pixels of a picture whose long side is 320. Chosen on the training split of AUL liver.
COARSE, FINE, STEPS = 8.0, 1.2, 12  # scale of an outlier at the start and the end of a fit, and iterations between
OUTWARD = 2.0  # weight of tissue outside the shape; inside, shadows keep tissue from the edge
ASYMMETRY, CUT = np.radians(4.0), 8.0  # flanks that differ by as much, and a cut as deep, count as half odd
ODD_FLANKS, ODD_CUT, ODD_SIDES = 30.0, 6.0, 40.0  # what oddity costs, in edge points that lie off the edge
APEX_HEIGHTS = (-0.03, 0.08, 0.16, 0.25, 0.35, 0.5, 0.75, 1.2, 2.5, 20.0)  # above the tissue, in its heights
TILTS = np.radians([-16.0, -8.0, 0.0, 8.0, 16.0])
FAR = 1e4
EDGE_STEP = 3.0  # between the points at which an edge is looked at


def distances(shape: Floats, x: Floats, y: Floats) -> Floats:
    """How far points lie beyond each of the eight edges: float64 (8, ..., points), negative within."""
    apex_x, apex_y, left_angle, right_angle, inner, outer, left, right, top, bottom = np.moveaxis(shape, -1, 0)[
        ..., np.newaxis
    ]
    dx, dy = x - apex_x, y - apex_y
    radius = np.hypot(dx, dy)
    return np.stack(
        [
            inner - radius,
            radius - outer,
            -dx * np.cos(left_angle) - dy * np.sin(left_angle),
            dx * np.cos(right_angle) - dy * np.sin(right_angle),
            left - x,
            x - right,
            top - y,
            y - bottom,
        ]
    )


def draw(shape: Floats, height: int, width: int, scale: float = 1.0) -> NDArray[np.bool_]:
    """Bool (height, width): pixels whose centre lies in the shape; `scale` is the shape's pixels per pixel drawn."""
    x = ((np.arange(width, dtype=np.float32) + 0.5) * scale)[np.newaxis]
    y = ((np.arange(height, dtype=np.float32) + 0.5) * scale)[:, np.newaxis]
    dx, dy = x - np.float32(shape[X]), y - np.float32(shape[Y])
    square = dx * dx + dy * dy
    cos, sin = np.cos(shape[2:4]).astype(np.float32), np.sin(shape[2:4]).astype(np.float32)
    inside = (square <= np.float32(shape[OUTER]) ** 2) & (square >= np.float32(max(shape[INNER], 0.0)) ** 2)
    inside &= dx * cos[0] + dy * sin[0] >= 0
    inside &= dx * cos[1] - dy * sin[1] <= 0
    inside &= (x >= shape[LEFT]) & (x <= shape[RIGHT])
    inside &= (y >= shape[TOP]) & (y <= shape[BOTTOM])
    return inside


def fit_shape(points: Floats, height: int, width: int) -> Floats:
    """The shape whose edge runs through most of the outermost points of tissue.

    Every apex of a coarse grid gives the tightest shape round the points. The best of them, with and without cuts at
    its sides, are fitted further. Because shadow hides flanks, the result competes with its own mirror images: the
    wider flank on both sides, without cuts and with cuts alike.

    Args:
        points: (points, 2), x and y of outermost tissue in rows and columns of the picture.
        height, width: of the picture; a cut at its border is no cut.

    Returns:
        float64 (10,).
    """
    x, y = points.T

    def best(shapes: Floats, scale: float) -> Floats:
        return np.asarray(shapes[np.argmin(_oddity(shapes, height, width) + _misfit(shapes, x, y, scale))])

    tight = _tight_shapes(x, y)
    uncut = tight.copy()
    uncut[:, [LEFT, RIGHT]] = -FAR, FAR
    found = best(refine(np.stack([best(tight, 5.0), best(uncut, 5.0)]), x, y), 2.0)
    mirrored = np.stack([found, found])
    mirrored[:, [LEFT_ANGLE, RIGHT_ANGLE]] = max(found[LEFT_ANGLE], found[RIGHT_ANGLE])
    half = max(found[X] - found[LEFT], found[RIGHT] - found[X])
    mirrored[:, LEFT], mirrored[:, RIGHT] = (-FAR, found[X] - half), (FAR, found[X] + half)
    return best(np.stack([found, *refine(mirrored, x, y, coarse=6.0, steps=6)]), 2.0)


def refine(
    shapes: Floats,
    x: Floats,
    y: Floats,
    *,
    coarse: float = COARSE,
    fine: float = FINE,
    steps: int = STEPS,
    outward: float = OUTWARD,
) -> Floats:
    """Move the edge of each shape to the points, those far from it disregarded more and more.

    Gauss-Newton steps on the squared distance to the nearest edge, with Geman-McClure weights (Black and Rangarajan
    1996, IJCV 19:57) whose scale falls from `coarse` to `fine`, and with flanks drawn to each other's angle.

    Args:
        shapes: (shapes, 10), each fitted by itself.
        x, y: (points,).
        coarse, fine, steps: scale in pixels at the first step, after the last one, and how many steps.
        outward: weight of points outside the shape; those inside weigh 1.

    Returns:
        float64 (shapes, 10).
    """
    scale, apart_by = coarse, np.array([1.0, -1.0])
    damping = 1e-4 * np.eye(10)
    for _ in range(steps):
        every = distances(shapes, x, y)
        edge = every.argmax(axis=0)
        distance = every.max(axis=0)
        weight = np.where(distance > 0, outward, 1.0) / (1 + (distance / scale) ** 2) ** 2
        slope = _slope(shapes, x, y, edge)
        weighted = slope * weight[:, np.newaxis]
        normal, gradient = weighted @ slope.transpose(0, 2, 1), weighted @ distance[..., np.newaxis]
        apart = shapes[:, LEFT_ANGLE] - shapes[:, RIGHT_ANGLE]
        pull = 4 * (scale / ASYMMETRY) ** 2 / (1 + (apart / ASYMMETRY) ** 2) ** 2
        gradient[:, 2:4, 0] += (pull * apart)[:, np.newaxis] * apart_by
        normal[:, 2:4, 2:4] += pull[:, np.newaxis, np.newaxis] * np.outer(apart_by, apart_by)
        shapes = shapes - np.linalg.solve(normal * (1 + 0.02 * np.eye(10)) + damping, gradient)[..., 0]
        scale *= (fine / coarse) ** (1 / steps)
    return shapes


def edge_samples(shape: Floats, height: int, width: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Points along the edge, about EDGE_STEP apart: x, y, and their outward normals' x and y, all (points,)."""
    apex, angles = shape[[X, Y]], shape[[LEFT_ANGLE, RIGHT_ANGLE]]
    parts = []
    for radius, outward in ((shape[INNER], -1.0), (shape[OUTER], 1.0)):
        if radius > 1:
            turn = np.linspace(-angles[0], angles[1], _count(radius * angles.sum()))
            normal = np.stack([np.sin(turn), np.cos(turn)])
            parts.append((apex[:, np.newaxis] + radius * normal, outward * normal))
    along = np.linspace(max(shape[INNER], 0.0), shape[OUTER], _count(shape[OUTER] - max(shape[INNER], 0.0)))
    for angle, side in zip(angles, (-1.0, 1.0), strict=True):
        beam = np.array([[side * np.sin(angle)], [np.cos(angle)]])
        parts.append((apex[:, np.newaxis] + along * beam, np.array([[side * np.cos(angle)], [-np.sin(angle)]])))
    columns, rows = np.arange(0.0, width, EDGE_STEP), np.arange(0.0, height, EDGE_STEP)
    for bound, side in ((shape[LEFT], -1.0), (shape[RIGHT], 1.0)):
        parts.append((np.stack([np.full_like(rows, bound), rows]), np.array([[side], [0.0]])))
    for bound, side in ((shape[TOP], -1.0), (shape[BOTTOM], 1.0)):
        parts.append((np.stack([columns, np.full_like(columns, bound)]), np.array([[0.0], [side]])))
    x, y = np.concatenate([place for place, _ in parts], axis=1)
    normal_x, normal_y = np.concatenate([np.broadcast_to(normal, place.shape) for place, normal in parts], axis=1)
    on_edge = distances(shape, x, y).max(axis=0) < 0.01
    return x[on_edge], y[on_edge], normal_x[on_edge], normal_y[on_edge]


def inset(shape: Floats, depth: float) -> Floats:
    """The shape with every edge moved inward by `depth`."""
    smaller = shape.copy()
    shift = depth / max(np.sin(shape[[LEFT_ANGLE, RIGHT_ANGLE]].mean()), 0.05)  # of the apex, down
    smaller[Y] += shift
    smaller[[INNER, OUTER]] += depth - shift, -depth - shift
    smaller[[LEFT, RIGHT, TOP, BOTTOM]] += depth, -depth, depth, -depth
    return smaller


def _count(length: float) -> int:
    return int(np.clip(length / EDGE_STEP, 2, 600))


def _slope(shapes: Floats, x: Floats, y: Floats, edge: NDArray[np.intp]) -> Floats:
    """Derivative of each point's distance to its edge by the ten numbers: (shapes, 10, points)."""
    dx, dy = x - shapes[:, X, np.newaxis], y - shapes[:, Y, np.newaxis]
    radius = np.maximum(np.hypot(dx, dy), 1e-6)
    cos_left, cos_right = np.cos(shapes[:, 2:4, np.newaxis]).transpose(1, 0, 2)
    sin_left, sin_right = np.sin(shapes[:, 2:4, np.newaxis]).transpose(1, 0, 2)
    on = edge == np.arange(8)[:, np.newaxis, np.newaxis]
    arc = (on[0] * 1.0 - on[1]) / radius
    left, right = on[2] * 1.0, on[3] * 1.0
    return np.stack(
        [
            arc * dx + left * cos_left - right * cos_right,
            arc * dy + left * sin_left + right * sin_right,
            left * (dx * sin_left - dy * cos_left),
            -right * (dx * sin_right + dy * cos_right),
            *(side * one for side, one in zip((1, -1, 1, -1, 1, -1), on[[0, 1, 4, 5, 6, 7]], strict=True)),
        ],
        axis=1,
    )


def _tight_shapes(x: Floats, y: Floats) -> Floats:
    """For each apex of the grid the smallest shape that holds all but a few of the points: (apexes, 10)."""
    (first_x, last_x), (first_y, last_y) = np.quantile(x, [0.01, 0.99]), np.quantile(y, [0.01, 0.99])
    height = last_y - first_y
    above, tilt = (one.ravel() for one in np.meshgrid(np.array(APEX_HEIGHTS) * height, TILTS))
    apex_x, apex_y = (first_x + last_x) / 2 + np.tan(tilt) * (above + height / 2), first_y - above
    dx, dy = x - apex_x[:, np.newaxis], y - apex_y[:, np.newaxis]
    radius = np.sort(np.hypot(dx, dy), axis=1)
    angle = np.sort(np.arctan2(dx, np.maximum(dy, 1e-3)), axis=1)
    few = max(1, round(0.015 * len(x)))
    box = [np.full_like(apex_x, bound) for bound in (first_x, last_x, first_y, last_y)]
    return np.stack(
        [apex_x, apex_y, -angle[:, few], angle[:, -1 - few], radius[:, few], radius[:, -1 - few], *box], axis=1
    )


def _misfit(shapes: Floats, x: Floats, y: Floats, scale: float) -> Floats:
    """Points off the edge, those outside counted more: (shapes,)."""
    distance = distances(shapes, x, y).max(axis=0)
    off = _saturating(distance / scale)
    return np.asarray(np.where(distance > 0, OUTWARD * off, off).sum(axis=-1))


def _oddity(shapes: Floats, height: int, width: int) -> Floats:
    """What scanners rarely do, in points: flanks that differ, cuts within the picture, cuts on one side: (shapes,)."""
    apex_x, apex_y, left_angle, right_angle, inner, outer, left, right, top, bottom = shapes.T
    widest = [outer * np.sin(np.clip(angle, -np.pi / 2, np.pi / 2)) for angle in (left_angle, right_angle)]
    horns = apex_y + inner * np.cos(np.minimum(left_angle, right_angle))
    cut_left = np.where(left <= 2, 0.0, np.maximum(0.0, left - apex_x + widest[0]))
    cut_right = np.where(right >= width - 2, 0.0, np.maximum(0.0, apex_x + widest[1] - right))
    cut_top = np.where(top <= 2, 0.0, np.maximum(0.0, top - horns))
    cut_bottom = np.where(bottom >= height - 2, 0.0, np.maximum(0.0, apex_y + outer - bottom))
    cuts = sum(_saturating(cut / CUT) for cut in (cut_left, cut_right, cut_top, cut_bottom))
    flanks = _saturating((left_angle - right_angle) / ASYMMETRY)
    sides = _saturating((cut_left - cut_right) / (1.5 * CUT))
    return np.asarray(ODD_FLANKS * flanks + ODD_CUT * cuts + ODD_SIDES * sides)


def _saturating(value: Floats) -> Floats:
    """0 at 0, 0.5 at 1 and -1, towards 1 far away (Geman-McClure)."""
    square = value * value
    return square / (1 + square)
