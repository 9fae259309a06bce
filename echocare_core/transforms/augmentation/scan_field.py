"""Depth and beam of every pixel of a prepared picture, from its pixels alone: a linear, convex or phased array.

`echocare_core.frames.sector` finds sector and beams exactly, of a recorded picture, in 20 ms. An augmentation needs
them in a few at every training step, of a picture that others have turned, and may err: here the flanks are two
straight lines through the ends of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from echocare_core.transforms.augmentation.random_change import Floats

BLACK = 0.02  # up to which a pixel may be background
FEW = 8  # lit rows, below which there is no scan field
WIDE, FLANK = 0.98, 0.15  # share of the greatest width where flanks end; of the rows that they must cover
DIVERGENCE = 0.1  # widening per row, in pixels, below which beams are parallel
FAR = 20.0  # heights of the picture above it: where the apex of parallel beams is put
ENDS, THINNED = (1, 99), 7  # percentiles of lit pixels where depth and beam begin and end; one pixel of so many counts


@dataclass(frozen=True)
class ScanField:
    """Where the beams of a picture run.

    Attributes:
        inside: bool (height, width), the field: lit pixels and what lies between them.
        depth: float32 (height, width), along the beam: 0 where the probe begins, 1 where the field ends; beyond both it
            goes on.
        beam: float32 (height, width), across the beams: 0 at the left flank, 1 at the right one; likewise.
        apex: (x, y) where the beams meet, in pixels.
        radii: of depth 0 and 1 from there, in pixels.
        angles: of beam 0 and 1, in radians from straight down.
    """

    inside: NDArray[np.bool_]
    depth: Floats
    beam: Floats
    apex: tuple[float, float]
    radii: tuple[float, float]
    angles: tuple[float, float]

    @property
    def face(self) -> tuple[float, float]:
        """(x, y) of the middle of the probe's face, in pixels."""
        middle = sum(self.angles) / 2
        return self.apex[0] + self.radii[0] * math.sin(middle), self.apex[1] + self.radii[0] * math.cos(middle)

    def sample(self, values: Floats, depth: Floats, beam: Floats) -> Floats:
        """Values of a picture at places of its field.

        Args:
            values: float32 (channel, height, width), of the picture's size.
            depth: float32 (rows, columns).
            beam: likewise.

        Returns:
            float32 (channel, rows, columns); 0 beyond the picture.
        """
        radius = self.radii[0] + depth.astype(np.float64) * (self.radii[1] - self.radii[0])
        angle = self.angles[0] + beam.astype(np.float64) * (self.angles[1] - self.angles[0])
        x, y = self.apex[0] + radius * np.sin(angle), self.apex[1] + radius * np.cos(angle)
        return sample_pixels(values, x, y)


def sample_pixels(
    values: Floats, x: NDArray[Any], y: NDArray[Any], *, mode: str = "bilinear", padding_mode: str = "zeros"
) -> Floats:
    """Values of a picture, float32 (channel, height, width), at columns x and rows y, both (rows, columns).

    Args:
        values: the picture.
        x, y: 0 is the middle of the first pixel.
        mode: "bilinear" or "nearest".
        padding_mode: beyond the picture "zeros", or "border" for its nearest pixel.
    """
    height, width = values.shape[-2:]
    grid = np.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], axis=-1).astype(np.float32)
    source = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None]
    places = torch.from_numpy(grid)[None]
    found = functional.grid_sample(source, places, mode=mode, padding_mode=padding_mode, align_corners=True)
    sampled: Floats = found[0].numpy()
    return sampled


def find_scan_field(picture: Floats) -> ScanField | None:
    """The scan field of a picture, float (channel, height, width) in [0, 1]; None where hardly anything is lit."""
    lit = picture.max(axis=0) > BLACK
    rows = np.flatnonzero(lit.mean(axis=1) > BLACK)
    if len(rows) < FEW:
        return None
    first, last = lit[rows].argmax(axis=1), lit.shape[1] - 1 - lit[rows, ::-1].argmax(axis=1)
    apex_x, apex_y = _apex(rows, first, last, lit.shape[0])
    dx = (np.arange(lit.shape[1]) - apex_x).astype(np.float32)[None]
    dy = (np.arange(lit.shape[0]) - apex_y).astype(np.float32)[:, None]
    radius, angle = np.sqrt(dx * dx + dy * dy), np.arctan2(dx, dy)
    some = lit & (np.arange(lit.size).reshape(lit.shape) % THINNED == 0)
    near, far = np.percentile(radius[some], ENDS)
    left, right = np.percentile(angle[some], ENDS)
    depth = (radius - near) / max(far - near, 1e-6)
    beam = (angle - left) / max(right - left, 1e-9)
    return ScanField(
        _filled(lit, 0) & _filled(lit, 1),
        depth.astype(np.float32),
        beam.astype(np.float32),
        (apex_x, apex_y),
        (float(near), float(far)),
        (float(left), float(right)),
    )


def _apex(
    rows: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64], height: int
) -> tuple[float, float]:
    """Where lines through the ends of the rows above the widest one meet, x and y."""
    width = last - first
    flank = slice(0, int(np.argmax(width >= WIDE * width.max())) + 1)
    parallel = float(np.median(first + last)) / 2, float(rows[0]) - FAR * height
    if len(rows[flank]) < FLANK * len(rows):
        return parallel
    (left_slope, left), (right_slope, right) = (_line(rows[flank], ends[flank]) for ends in (first, last))
    if right_slope - left_slope < DIVERGENCE:
        return parallel
    apex_y = (left - right) / (right_slope - left_slope)
    return left + left_slope * apex_y, apex_y


def _line(rows: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[float, float]:
    """Slope and column at row 0 of a line through most of the ends (Theil's incomplete method, 1950)."""
    half = len(rows) // 2
    slope = float(np.median((ends[half:] - ends[: len(ends) - half]) / (rows[half:] - rows[: len(rows) - half])))
    return slope, float(np.median(ends - slope * rows))


def _filled(lit: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """From the first lit pixel to the last one along an axis."""
    forth = np.logical_or.accumulate(lit, axis=axis)
    back = np.flip(np.logical_or.accumulate(np.flip(lit, axis), axis=axis), axis)
    return forth & back
