"""When each frame of a cine was recorded, and when the heart beat (PS3.3 C.7.6.5, C.7.6.6, C.8.5.6)."""

from __future__ import annotations

from itertools import accumulate

from pydicom.dataset import Dataset

from echocare_core.frames.dicom.header import number, numbers, value
from echocare_core.frames.plausible import (
    AROUND_MS,
    NOT_A_RHYTHM,
    NOT_A_TIME,
    RHYTHM_BPM,
    are_frame_times,
    is_within,
)

FRAME_TIME, FRAME_TIME_VECTOR = 0x00181063, 0x00181065
TIMES = ("FrameTimeVector", "FrameTime", "CineRate", "RecommendedDisplayFrameRate")
MOST_BEATS = 10_000  # of one cine; more are a damaged interval


def read_frame_times_ms(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    """Times of all frames.

    What the Frame Increment Pointer (0028,0009) names comes first, in its order, where it names a time: the Frame Time
    Vector (0018,1065), which must have one entry per frame, or Frame Time (0018,1063). Without a pointer that leads to
    a time they are tried in this order, then Cine Rate (0018,0040) and Recommended Display Frame Rate (0008,2144). No
    rate is assumed: zero and nothing mean unknown, and what no scanner makes is passed over.

    Args:
        dataset: the header of the object.
        frames: how many frames it has.

    Returns:
        Milliseconds from the first frame, one per frame; (0.0,) for a still; None where the object does not say.
    """
    if frames == 1:
        return (0.0,)
    sources = {FRAME_TIME_VECTOR: _from_vector, FRAME_TIME: _from_step}
    pointed = [int(tag) for tag in numbers(dataset, "FrameIncrementPointer") if tag in sources]
    for tag in dict.fromkeys((*pointed, *sources)):
        if times_ms := sources[tag](dataset, frames):
            return times_ms
    return _from_rate(dataset, frames)


def notes_on_times(
    dataset: Dataset, times_ms: tuple[float, ...] | None, heart_rate_bpm: float | None
) -> tuple[str, ...]:
    """Which of the times that the file says are not used; nothing where all are, or where it says none.

    Args:
        dataset: the header of the object.
        times_ms: what was made of its frame times.
        heart_rate_bpm: what was made of its heart rate.
    """
    no_times = times_ms is None and any(_says(dataset, keyword) for keyword in TIMES)
    no_rhythm = heart_rate_bpm is None and _says(dataset, "HeartRate")
    return (*((NOT_A_TIME,) if no_times else ()), *((NOT_A_RHYTHM,) if no_rhythm else ()))


def _says(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute says more than zero."""
    found = numbers(dataset, keyword)
    return value(dataset, keyword) is not None and (not found or any(found))


def read_r_wave_times_ms(dataset: Dataset, frame_times_ms: tuple[float, ...] | None) -> tuple[float, ...]:
    """When the ECG marked R waves, in milliseconds from the first frame.

    The R Wave Time Vector (0018,6060) says so. Else Trigger Time (0018,1060) tells how long before the first frame the
    last R wave was, and the beats after it are as long as Nominal Interval (0018,1062), or as Heart Rate (0018,1088)
    makes them: right on average, not beat by beat.

    Args:
        dataset: the header of the object.
        frame_times_ms: of its frames; without them, only the vector is of use.

    Returns:
        The marks in order, also those before and after the cine; empty where the object does not say.
    """
    vector = numbers(dataset, "RWaveTimeVector")
    if vector:
        return tuple(sorted(vector)) if all(abs(time_ms) <= AROUND_MS for time_ms in vector) else ()
    trigger_ms, interval_ms = number(dataset, "TriggerTime"), number(dataset, "NominalInterval")
    heart_rate = read_heart_rate_bpm(dataset)
    if not interval_ms or not is_within(60_000 / interval_ms, RHYTHM_BPM):
        interval_ms = 60_000 / heart_rate if heart_rate else None
    if trigger_ms is None or not 0 <= trigger_ms <= AROUND_MS or interval_ms is None or frame_times_ms is None:
        return ()
    beats = min(int((frame_times_ms[-1] + trigger_ms) // interval_ms) + 2, MOST_BEATS)
    return tuple(beat * interval_ms - trigger_ms for beat in range(beats))


def read_heart_rate_bpm(dataset: Dataset) -> float | None:
    """Heart Rate (0018,1088) in beats per minute; scanners write 0 where no ECG was connected, which is unknown, as is
    a rate at which no heart beats."""
    heart_rate = number(dataset, "HeartRate")
    return heart_rate if heart_rate is not None and is_within(heart_rate, RHYTHM_BPM) else None


def _from_vector(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    """Each entry is the time since the frame before; the first one has none before it (PS3.3 C.7.6.5.1.2)."""
    steps = numbers(dataset, "FrameTimeVector")
    return _believed(tuple(accumulate(steps[1:], initial=0.0))) if len(steps) == frames else None


def _from_step(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    step_ms = number(dataset, "FrameTime")
    return _evenly(step_ms, frames) if step_ms is not None else None


def _from_rate(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    rates = (number(dataset, keyword) for keyword in ("CineRate", "RecommendedDisplayFrameRate"))
    return next((times_ms for rate in rates if rate and (times_ms := _evenly(1000 / rate, frames))), None)


def _evenly(step_ms: float, frames: int) -> tuple[float, ...] | None:
    return _believed(tuple(frame * step_ms for frame in range(frames)))


def _believed(times_ms: tuple[float, ...]) -> tuple[float, ...] | None:
    return times_ms if are_frame_times(times_ms) else None
