"""Which frames of a cine make a clip: evenly in time, one window, or overlapping windows over the whole cine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.types import Frames


class Clip(Protocol):
    """Chooses the clips of a cine."""

    def __call__(self, cine: Frames, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        """Numbers of the frames of each clip.

        Args:
            cine: the opened file.
            numbers: its frames that may be used, 0-based, in the order in which they were recorded.

        Raises:
            UnreadableFrames: there are too few.
        """


@dataclass(frozen=True)
class EvenClip:
    """One clip over the whole cine, its frames evenly spaced in time.

    Each is the frame nearest to its time, so where a cine has a gap a frame may come twice. Where the file does not say
    when its frames were recorded they count as evenly spaced.

    Attributes:
        frames: how many.
    """

    frames: int

    def __post_init__(self) -> None:
        _check_settings(self)

    def __call__(self, cine: Frames, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        """One clip, from the first frame to the last; of one frame, the middle one."""
        _check_length(cine, numbers, self.frames)
        times = np.array([cine.frame_times_ms[number] if cine.frame_times_ms else number for number in numbers])
        wanted = np.linspace(times[0], times[-1], self.frames) if self.frames > 1 else [(times[0] + times[-1]) / 2]
        return [tuple(numbers[int(np.abs(times - time).argmin())] for time in wanted)]


@dataclass(frozen=True)
class WindowClip:
    """One window from the middle of the cine.

    Attributes:
        frames: how many.
        stride: from one to the next, in frames of the cine.
    """

    frames: int
    stride: int

    def __post_init__(self) -> None:
        _check_settings(self)

    def __call__(self, cine: Frames, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        """One clip, as far from the beginning as from the end."""
        span = _span(self)
        _check_length(cine, numbers, span)
        first = (len(numbers) - span) // 2
        return [tuple(numbers[first : first + span : self.stride])]


@dataclass(frozen=True)
class SlidingClips:
    """Windows over the whole cine, one after the other; the last ends with the cine.

    Attributes:
        frames: of each window.
        stride: from one frame of a window to its next, in frames of the cine.
        step: from one window to the next, in frames of the cine; at most as long as a window, so that none is left out.
    """

    frames: int
    stride: int
    step: int

    def __post_init__(self) -> None:
        _check_settings(self)
        if self.step > _span(self):
            raise SettingsError(
                f"SlidingClips got step={self.step} for windows over {_span(self)} frames; frames between them would be"
                " left out. Choose a smaller step."
            )

    def __call__(self, cine: Frames, numbers: Sequence[int]) -> list[tuple[int, ...]]:
        """One clip or more."""
        span = _span(self)
        _check_length(cine, numbers, span)
        last = len(numbers) - span
        starts = dict.fromkeys([*range(0, last, self.step), last])
        return [tuple(numbers[start : start + span : self.stride]) for start in starts]


def _span(window: WindowClip | SlidingClips) -> int:
    """Frames of the cine from the first of a window to its last."""
    return (window.frames - 1) * window.stride + 1


def _check_settings(clip: EvenClip | WindowClip | SlidingClips) -> None:
    wrong = {
        one.name: value for one in fields(clip) if not isinstance(value := getattr(clip, one.name), int) or value < 1
    }
    if wrong:
        found = ", ".join(f"{name}={value!r}" for name, value in wrong.items())
        raise SettingsError(f"{type(clip).__name__} got {found}; needed whole numbers above 0. Correct them.")


def _check_length(cine: Frames, numbers: Sequence[int], needed: int) -> None:
    if len(numbers) >= needed:
        return
    found = "has 1 frame" if len(cine) == 1 else f"has {len(cine)} frames"
    if len(cine) < needed:
        raise UnreadableFrames(cine.path, f"{found}; a clip needs {needed}. Record a longer cine.")
    asked = f"{found}, {len(numbers)} of them asked for; a clip needs {needed}. Ask for more of them."
    raise UnreadableFrames(cine.path, asked)
