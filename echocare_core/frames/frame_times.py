"""When each frame of a cine was recorded (PS3.3 C.7.6.5, C.7.6.6)."""

from __future__ import annotations

from itertools import accumulate

from pydicom.dataset import Dataset

from echocare_core.frames.header import number, numbers


def read_frame_times_ms(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    """Times of all frames.

    The Frame Time Vector (0018,1065) is used where it has one entry per frame, then Frame Time (0018,1063), Cine Rate
    (0018,0040) and Recommended Display Frame Rate (0008,2144). No rate is assumed: zero and nothing mean unknown.

    Args:
        dataset: the header of the object.
        frames: how many frames it has.

    Returns:
        Milliseconds from the first frame, one per frame; (0.0,) for a still; None where the object does not say.
    """
    if frames == 1:
        return (0.0,)
    return _from_vector(dataset, frames) or _from_step(dataset, frames)


def _from_vector(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    """Each entry is the time since the frame before; the first one has none before it (PS3.3 C.7.6.5.1.2)."""
    steps = numbers(dataset, "FrameTimeVector")
    if len(steps) != frames or min(steps) < 0 or sum(steps[1:]) <= 0:
        return None
    return tuple(accumulate(steps[1:], initial=0.0))


def _from_step(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    rates = (number(dataset, keyword) for keyword in ("CineRate", "RecommendedDisplayFrameRate"))
    steps = [number(dataset, "FrameTime"), *(1000 / rate if rate else None for rate in rates)]
    step_ms = next((step for step in steps if step is not None and step > 0), None)
    return None if step_ms is None else tuple(frame * step_ms for frame in range(frames))
