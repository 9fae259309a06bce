"""A made-up heart fills and ejects as one does: once a beat, from 0 to 1 and back."""

from __future__ import annotations

import numpy as np
import pytest

from echocare_core.phantom.beat import Beats

BEATS = Beats(rate_bpm=60, start=0, filled_early=0.35, before_atrium=0.2)


def test_a_beat_begins_full_and_is_empty_at_the_end_of_systole() -> None:
    end_ms = 1000 * BEATS.systole

    assert BEATS.contraction(np.array([0, end_ms, 1000])) == pytest.approx([0, 1, 0], abs=1e-9)
    assert 350 < end_ms < 450  # 420 ms at 60 beats per minute (Weissler et al.)


def test_it_repeats_with_its_rate() -> None:
    times_ms = np.linspace(0, 999, 50)

    assert BEATS.contraction(times_ms) == pytest.approx(BEATS.contraction(times_ms + 2000))


def test_the_valve_is_shut_while_the_heart_ejects() -> None:
    times_ms = np.linspace(0, 1000 * BEATS.systole, 20)

    assert BEATS.opening(times_ms) == pytest.approx(np.zeros(20), abs=1e-9)
    assert BEATS.opening(np.linspace(0, 999, 200)).max() == pytest.approx(1, abs=0.02)
