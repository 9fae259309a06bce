"""Ejection fraction of a cine, from the volume of the left ventricle in each of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import find_peaks, savgol_filter

from echocare_core.counting import counted
from echocare_core.errors import NoHeartBeat
from echocare_core.tasks.steadiness import mean_steadiness
from echocare_core.tasks.ventricle import REGRESSED_VOLUME, VOLUME
from echocare_core.types import Measurement, Output

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Beat:
    """The systole of one beat.

    Attributes:
        diastole, systole: places in the curve of the end of diastole and of the end of systole.
        end_diastolic, end_systolic: volumes there.
    """

    diastole: int
    systole: int
    end_diastolic: float
    end_systolic: float

    @property
    def ejection_fraction(self) -> float:
        """(EDV - ESV) / EDV, 0 to 1."""
        return (self.end_diastolic - self.end_systolic) / self.end_diastolic


def find_beats(
    volumes: Curve,
    *,
    smoothed_frames: int,
    fitted_frames: int,
    largest_jump: float,
    least_prominence: float,
    near_extreme: float,
) -> list[Beat]:
    """The beats in a curve of volumes, whatever the rate at which it was recorded.

    The end of diastole is a maximum, the end of systole the minimum behind it, both prominent: the atrium's part of
    the filling, and noise, are not. A systole after which the volume does not rise again is cut off and counts not. A
    cine may begin with the end of diastole, as those do that an ECG started: its first frame is one if hardly any other
    is larger.

    Both are found in a running median, which stands frames that failed. It cuts the tips of a beat, though, so the
    volumes there are read from parabolas through the neighbouring frames (Savitzky and Golay, Anal Chem 36:1627, 1964).

    Args:
        volumes: of each frame, in any unit; nan where none was measured, in whose place its neighbours stand.
        smoothed_frames: over how many frames the running median is taken.
        fitted_frames: through how many a parabola is laid, an odd number; of a shorter curve through all.
        largest_jump: how far from the running median a frame may lie that is fitted, as a share of the curve's swing;
            in the place of one that lies farther stands the median.
        least_prominence: of maxima and minima, as a share of the curve's whole swing.
        near_extreme: how far below the largest volume the first frame may lie, as a share of that swing.
    """
    known = np.flatnonzero(np.isfinite(volumes))
    if len(known) < 3:
        return []
    raw = np.interp(np.arange(len(volumes)), known, volumes[known])
    curve = median_filter(raw, smoothed_frames, mode="nearest")
    low, high = float(curve.min()), float(curve.max())
    swing = high - low
    if swing <= 0:
        return []
    minima, _ = find_peaks(-np.pad(curve, 1, constant_values=high), prominence=least_prominence * swing)
    maxima, _ = find_peaks(np.pad(curve, 1, constant_values=low), prominence=least_prominence * swing)
    inner = [place - 1 for place in minima if 1 < place < len(curve)]
    tops = [place - 1 for place in maxima if place > 1 or curve[0] >= high - near_extreme * swing]
    fitted = _parabolas(np.where(np.abs(raw - curve) > largest_jump * swing, curve, raw), fitted_frames)
    beats = []
    for top, following in pairwise([*tops, len(curve)]):
        if between := [place for place in inner if top < place < following]:
            bottom = min(between, key=lambda place: curve[place])
            diastole, systole = (
                max(_near(top, smoothed_frames, fitted), key=lambda place: fitted[place]),
                min(_near(bottom, smoothed_frames, fitted), key=lambda place: fitted[place]),
            )
            beats.append(Beat(diastole, systole, float(fitted[diastole]), float(fitted[systole])))
    return beats


def _parabolas(curve: Curve, frames: int) -> Curve:
    """The value at each frame of the parabola through it and its neighbours, none beyond what was measured."""
    longest = len(curve) - 1 + len(curve) % 2  # an odd number too
    return np.asarray(savgol_filter(curve, min(frames, longest), 2).clip(curve.min(), curve.max()))


def _near(place: int, smoothed_frames: int, curve: Curve) -> range:
    """The frames whose extreme a running median may have moved to a place."""
    return range(max(0, place - smoothed_frames // 2), min(len(curve), place + smoothed_frames // 2 + 1))


def measure_ejection(
    parts: Sequence[Sequence[Output]],
    numbers: Sequence[int] = (),
    times_ms: Sequence[float] = (),
    *,
    smoothed_frames: int,
    fitted_frames: int,
    largest_jump: float,
    least_prominence: float,
    near_extreme: float,
    least_change: float,
    regression_gain: float,
) -> tuple[Output, ...]:
    """What the frames of a cine say together; `over_time` of `WriteResults`.

    Args:
        parts: outputs of each frame, in order; `left_ventricle_volume` among those in which one was found, and
            `left_ventricle_volume_regression` where a bundle reads the volume from the picture too.
        numbers: of these frames in the cine; empty for 0, 1, 2, ...
        times_ms: when each was recorded; empty where the file does not say.
        smoothed_frames, fitted_frames, largest_jump, least_prominence, near_extreme: as for `find_beats`.
        least_change: smallest share of the end-diastolic volume that a beat ejects; what changes less is noise.
        regression_gain: by how much more the volumes of a cine differ than the regression says, which takes them as too
            much alike where it is not sure: their logarithms are spread round their mean by it. 1 leaves them.

    Returns:
        `ejection_fraction`, mean of the beats, and of two or more `ejection_fraction_spread`, the largest less the
        smallest; `end_diastolic_volume` and `end_systolic_volume`, means in ml, or px3 where the frames are not
        calibrated; `beats`; `end_diastolic` and `end_systolic` frame, of the beat nearest to the mean;
        `heart_rate` where times are known and two ends of diastole. All these by the outlines. By regression, where the
        curve of those volumes has beats of its own, `ejection_fraction_regression`, `end_diastolic_volume_regression`
        and `end_systolic_volume_regression`, and `ejection_fraction_difference_of_methods`, the fraction by outlines
        less that. And how steady the outlines are, where the frames say it (`mean_steadiness`).

    Raises:
        NoHeartBeat: a still, or frames among which there is no whole systole.
    """
    if len(parts) < 2:
        raise NoHeartBeat("has 1 frame; an ejection fraction needs a cine of a whole beat. Record one.")
    find = partial(
        _beats_of,
        smoothed_frames=smoothed_frames,
        fitted_frames=fitted_frames,
        largest_jump=largest_jump,
        least_prominence=least_prominence,
        near_extreme=near_extreme,
        least_change=least_change,
    )
    curve = _curve_of(parts, VOLUME)
    beats = find(curve)
    if not beats:
        raise NoHeartBeat(_why_none(curve.volumes))
    found = _measurements(beats, curve.unit, list(numbers) or list(range(len(parts))), times_ms)
    regressed = _curve_of(parts, REGRESSED_VOLUME)
    beside = _beside(beats, find(_spread(regressed, regression_gain)), regressed.unit)
    return (*found, *beside, *mean_steadiness(parts))


class _Volumes(NamedTuple):
    """Of each frame of a cine: nan where a frame has none, and everywhere where units differ; then their unit."""

    volumes: Curve
    unit: str


def _curve_of(parts: Sequence[Sequence[Output]], name: str) -> _Volumes:
    found = [next((one for one in part if isinstance(one, Measurement) and one.name == name), None) for part in parts]
    units = {one.unit for one in found if one}
    alike = len(units) == 1
    return _Volumes(np.array([one.value if one and alike else np.nan for one in found]), units.pop() if alike else "")


def _spread(curve: _Volumes, gain: float) -> _Volumes:
    """The same curve with its logarithms that much farther from their mean."""
    logarithms = np.log(curve.volumes)
    middle = np.nanmean(logarithms) if np.isfinite(logarithms).any() else 0.0
    return curve._replace(volumes=np.exp(middle + gain * (logarithms - middle)))


def _beats_of(curve: _Volumes, *, least_change: float, **finding: Any) -> list[Beat]:
    """The beats in a curve that eject something (`find_beats`)."""
    return [beat for beat in find_beats(curve.volumes, **finding) if beat.ejection_fraction >= least_change]


def _beside(outlined: Sequence[Beat], regressed: Sequence[Beat], unit: str) -> tuple[Measurement, ...]:
    """The same by regression, and how far apart both fractions are; nothing where its curve has no beat."""
    if not regressed:
        return ()
    fractions = [fmean(100 * beat.ejection_fraction for beat in beats) for beats in (outlined, regressed)]
    return (
        Measurement("ejection_fraction_regression", fractions[1], "percent"),
        Measurement("ejection_fraction_difference_of_methods", fractions[0] - fractions[1], "percent"),
        Measurement("end_diastolic_volume_regression", fmean(beat.end_diastolic for beat in regressed), unit),
        Measurement("end_systolic_volume_regression", fmean(beat.end_systolic for beat in regressed), unit),
    )


def _measurements(
    beats: Sequence[Beat], unit: str, numbers: Sequence[int], times_ms: Sequence[float]
) -> tuple[Measurement, ...]:
    fractions = [100 * beat.ejection_fraction for beat in beats]
    mean = fmean(fractions)
    typical = min(beats, key=lambda beat: abs(100 * beat.ejection_fraction - mean))
    spread = [Measurement("ejection_fraction_spread", max(fractions) - min(fractions), "percent")] if beats[1:] else []
    rate = []
    if len(times_ms) and beats[1:]:
        first, last = times_ms[beats[0].diastole], times_ms[beats[-1].diastole]
        rate = [Measurement("heart_rate", 60_000 * (len(beats) - 1) / (last - first), "bpm")]
    return (
        Measurement("ejection_fraction", mean, "percent"),
        *spread,
        Measurement("end_diastolic_volume", fmean(beat.end_diastolic for beat in beats), unit),
        Measurement("end_systolic_volume", fmean(beat.end_systolic for beat in beats), unit),
        Measurement("beats", float(len(beats)), "count"),
        *rate,
        Measurement("end_diastolic", float(numbers[typical.diastole]), "frame"),
        Measurement("end_systolic", float(numbers[typical.systole]), "frame"),
    )


def _why_none(volumes: Curve) -> str:
    known = int(np.isfinite(volumes).sum())
    if known < 3:
        return (
            f"shows a left ventricle in {known} of {counted(len(volumes), 'frame')}; an ejection fraction needs one in "
            "each of a whole beat. Choose an apical view."
        )
    return (
        f"has {counted(len(volumes), 'frame')} in which the left ventricle does not fill, eject and fill again; an "
        "ejection fraction needs a whole beat. Record a longer cine."
    )
