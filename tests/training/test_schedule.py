"""The learning rate rises in a line and falls along half a cosine."""

import logging

import pytest
import torch

from echocare_core.training import warmup_cosine
from echocare_core.training.schedule import warn_of_warmup

PEAK, WARMUP, STEPS = 0.4, 10, 110


def rates(count, **settings):
    """The rate that each of the first `count` optimiser steps uses."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    schedule = warmup_cosine(optimizer, **{"warmup_steps": WARMUP, "steps": STEPS, **settings})
    used = []
    for _ in range(count):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return used


@pytest.mark.parametrize(
    ("step", "share"),
    [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (35, 0.8535534), (60, 0.5), (85, 0.1464466), (110, 0.0)],
)
def test_the_rate_is_that_of_the_closed_form(step, share):
    assert rates(STEPS + 1)[step] == pytest.approx(PEAK * share, abs=1e-7)


def test_the_rate_rises_then_falls():
    used = rates(STEPS)
    assert used[:WARMUP] == sorted(used[:WARMUP])
    assert used[WARMUP:] == sorted(used[WARMUP:], reverse=True)


def test_the_rate_stays_zero_after_the_last_step():
    assert rates(STEPS + 50)[STEPS:] == pytest.approx([0] * 50, abs=1e-9)


def test_a_training_without_warm_up_begins_at_the_peak():
    assert rates(1, warmup_steps=0) == [PEAK]


@pytest.mark.parametrize(("steps", "warned"), [(4, True), (5, False)])
def test_a_peak_that_is_never_reached_is_told(steps, warned, caplog):
    warn_of_warmup(logging.getLogger("test.schedule"), 5, steps)
    assert ("it never reaches learning_rate" in caplog.text) is warned
    assert (max(rates(steps, warmup_steps=5, steps=steps)) < PEAK) is warned


def test_a_training_shorter_than_its_warm_up_never_falls():
    assert rates(5, steps=5) == pytest.approx([PEAK * share for share in (0.1, 0.2, 0.3, 0.4, 0.5)])
