"""Learning rate over the course of a training."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, *, warmup_steps: int, steps: int) -> LambdaLR:
    """Rise linearly from near zero over `warmup_steps`, then fall to zero along half a cosine (Loshchilov & Hutter,
    2017).

    Args:
        optimizer: whose learning rates are the peaks.
        warmup_steps: optimiser steps of the rise.
        steps: optimiser steps in all; the rate stays zero after them.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
        return 0.5 * (1.0 + math.cos(math.pi * done))

    return LambdaLR(optimizer, factor)
