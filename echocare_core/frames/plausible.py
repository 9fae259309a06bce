"""What a header can say of ultrasound: a number outside of these ranges was made by no scanner, and is not believed.

They are wide on purpose: they keep out slips of units, damage and made-up numbers, and no recording of people or
animals.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Range = tuple[float, float]

PIXEL_MM: Range = (0.001, 5.0)  # from acoustic microscopy (a wave of 1 GHz is 1.5 um long) to a small picture of 40 cm
LONGEST_FIELD_MM = 1000.0  # no beam reaches 50 cm, and no panorama is longer than twice that
STEP_MS: Range = (0.01, 60_000.0)  # from plane waves (20 000 frames a second, 0.05 ms) to one frame a minute
RHYTHM_BPM: Range = (15.0, 850.0)  # from a heart cooled down for surgery to that of a mouse
AROUND_MS = 86_400_000.0  # an ECG's marks stand within a day of the first frame

NOT_A_LENGTH = "The calibration is not used: its millimetres per pixel are none that ultrasound has."
NOT_A_TIME = "The file's frame times are not used: they are none that a scanner makes."
NOT_A_RHYTHM = "The file's heart rate is not used: no heart beats so."


def is_within(value: float, limits: Range) -> bool:
    """Whether a number lies in a range; nan lies in none."""
    return limits[0] <= value <= limits[1]


def is_spacing(row_mm: float, column_mm: float, height: int, width: int) -> bool:
    """Whether a picture of so many pixels can have these millimetres per pixel."""
    return (
        all(is_within(step, PIXEL_MM) for step in (row_mm, column_mm))
        and max(row_mm * height, column_mm * width) <= LONGEST_FIELD_MM
    )


def are_frame_times(times_ms: Sequence[float]) -> bool:
    """Whether frames can have been recorded at these times, in milliseconds: none before the one before it, not all at
    once, and each soon after the other."""
    steps = [later - earlier for earlier, later in pairwise(times_ms)]
    return all(0 <= step <= STEP_MS[1] for step in steps) and (not steps or sum(steps) / len(steps) >= STEP_MS[0])
