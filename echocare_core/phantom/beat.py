"""How far the heart is contracted at any time: beats of a made-up patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

SYSTOLE_MS = (
    546.0,
    -2.1,
)  # left ventricular ejection time, 546 - 2.1 x beats per minute (women; Weissler et al., 1968)
FILLED_EARLY, BEFORE_ATRIUM = (
    (0.25, 0.45),
    (0.12, 0.25),
)  # contraction left after early filling, and before the atrium's


@dataclass(frozen=True)
class Beats:
    """A regular rhythm.

    Attributes:
        rate_bpm: beats per minute.
        start: share of a beat that has passed at time 0, from the end of diastole on.
        filled_early, before_atrium: contraction that is left after early filling, and before the atrium contracts.
    """

    rate_bpm: float
    start: float
    filled_early: float
    before_atrium: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Beats:
        """50 to 100 beats per minute, from anywhere in a beat on."""
        early, late = generator.uniform(*FILLED_EARLY), generator.uniform(*BEFORE_ATRIUM)
        return cls(generator.uniform(50, 100), generator.uniform(0, 1), early, min(early, late))

    @property
    def systole(self) -> float:
        """Share of a beat from the end of diastole to that of systole."""
        return float((SYSTOLE_MS[0] + SYSTOLE_MS[1] * self.rate_bpm) * self.rate_bpm / 60_000)

    def phase(self, times_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of a beat that has passed, 0 to 1."""
        return (self.start + times_ms * self.rate_bpm / 60_000) % 1

    def contraction(self, times_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """0 at the end of diastole, 1 at the end of systole: ejection, early filling, diastasis, the atrium's part."""
        end, left = self.systole, 1 - self.systole
        places = [0, 0.6 * end, end, end + 0.08 * left, end + 0.4 * left, end + 0.75 * left, 1]
        values = [0, 0.75, 1, 0.97, self.filled_early, self.before_atrium, 0]
        return np.asarray(PchipInterpolator(places, values)(self.phase(times_ms)))

    def opening(self, times_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the mitral valve is open, 0 to 1: most in early filling, again when the atrium contracts."""
        end, left = self.systole, 1 - self.systole
        places = [0, end + 0.06 * left, end + 0.2 * left, end + 0.5 * left, end + 0.75 * left, end + 0.88 * left, 1]
        return np.asarray(PchipInterpolator(places, [0, 0, 1, 0.35, 0.35, 0.75, 0])(self.phase(times_ms)))
