"""What is measured of a fetal head by the ends of its two axes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from echocare_core.tasks.landmarks.output import Places
from echocare_core.tasks.measurements import Ellipse, Spacing, measure_ellipse
from echocare_core.types import Measurement

AXES = ("occipitofrontal_diameter", "biparietal_diameter")


def measure_head_ends(
    ends: Places, spacing_mm: Spacing, size: tuple[int, int], *, outline_inset: float
) -> tuple[Measurement, ...]:
    """Head circumference and axes of the ellipse whose axes are as long as the ends are apart.

    Args:
        ends: (2, 2, 2), (row, column) in pixels of the scan region: of the occipitofrontal axis, and of the biparietal
            one, outer to outer; nan where one was not found.
        spacing_mm: (row, column); lengths are in pixels where it is None.
        size: (height, width) of the scan region in pixels.
        outline_inset: how far inside the ends the measured outline runs, as for `measure_head`.

    Returns:
        As `measure_ellipse`, the axes with lines from end to end; all nan where an end was not found, or the two of an
        axis lie nearer than the inset.
    """
    scale = np.array(spacing_mm or (1.0, 1.0))
    apart = np.diff(ends * scale, axis=1)[:, 0]
    long, short = np.hypot(*apart.T) - 2 * outline_inset * max(size) * scale.mean()
    if not (long > 0 and short > 0):
        measured = measure_ellipse(Ellipse(np.zeros(2), np.zeros(2), math.nan, math.nan), spacing_mm)
        return tuple(replace(one, line_px=None) for one in measured)
    turn = apart[0] / np.hypot(*apart[0])
    outline = Ellipse((ends * scale).mean(axis=(0, 1)), turn, float(long), float(short))
    lines = dict(zip(AXES, ends, strict=True))
    return tuple(
        replace(one, line_px=lines[one.name]) if one.name in lines else one
        for one in measure_ellipse(outline, spacing_mm)
    )
