"""Learning rate over the course of a training."""

from __future__ import annotations

import logging
import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine_rate(step: int, *, peak: float, warmup_steps: int, steps: int) -> float:
    """Learning rate of a step: a linear warm-up, then half a cosine to zero (Loshchilov & Hutter, 2017).

    Args:
        step: of the optimiser, from 0.
        peak: rate after the warm-up.
        warmup_steps: of the rise, which begins at `peak / warmup_steps`.
        steps: in all; the rate stays zero after them.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    falling = max(1, steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * min(step - warmup_steps, falling) / falling))


def warmup_cosine(optimizer: Optimizer, *, warmup_steps: int, steps: int) -> LambdaLR:
    """PyTorch scheduler of `warmup_cosine_rate`, called after each optimiser step.

    Args:
        optimizer: whose learning rates are the peaks.
        warmup_steps: optimiser steps of the rise.
        steps: optimiser steps in all; the rate stays zero after them.
    """
    return LambdaLR(optimizer, lambda step: warmup_cosine_rate(step, peak=1.0, warmup_steps=warmup_steps, steps=steps))


def go_to_step(schedule: LambdaLR, step: int) -> None:
    """Set a schedule and its optimiser's learning rates to a step, as if it had been called so many times."""
    schedule.last_epoch = step
    for group, peak, factor in zip(
        schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
    ):
        group["lr"] = peak * factor(step)
    schedule._last_lr = [group["lr"] for group in schedule.optimizer.param_groups]


def warn_of_warmup(logger: logging.Logger, warmup_steps: int, steps: int) -> None:
    """Say that a training is over before its learning rate has risen."""
    if warmup_steps > steps:
        logger.warning(
            "The learning rate rises for warmup_steps %d, and the training has %d steps: it never reaches "
            "learning_rate. Set warmup_steps to that at most.",
            warmup_steps,
            steps,
        )
