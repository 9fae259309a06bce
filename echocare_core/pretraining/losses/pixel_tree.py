"""Hierarchical labels of pixels: tree-min cross-entropy (Li et al., CVPR 2022, arXiv 2203.14335) and soft Dice.

What is not known of a pixel counts nowhere. Every channel counts alike, however many of its pixels are known, and only
those of which the batch knows anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_reduce_sum, world_size
from echocare_core.pretraining.organs.pixel_tree import ABSENT, PRESENT


def pixel_tree_loss(logits: Tensor, label: Tensor, states: Tensor, ancestors: NDArray[np.bool_]) -> Tensor:
    """Cross-entropy on p where a node is present and on q where it is absent (equations 4 and 5), plus soft Dice of p.

    Both are means over channels: the cross-entropy over a channel's known pixels in the batches of all processes, Dice
    over them at once (Milletari et al., 3DV 2016, without squares) where any of them is present.

    Args:
        logits: float (batch, channels, height, width).
        label: uint8 (batch, height, width), rows of `states`.
        states: int8 (rows, channels), what is known of each channel (`PixelTree.states`).
        ancestors: of the channels (`PixelTree.ancestors`).

    Returns:
        This process's summands, float32.
    """
    state = states.t()[:, label.long()].movedim(0, 1)  # (batch, channels, height, width)
    present, absent = (state == PRESENT).float(), (state == ABSENT).float()
    least = least_above(logits, ancestors)
    greatest = _along(logits, ancestors.T, torch.maximum)
    losses = functional.softplus(-least) * present + functional.softplus(greatest) * absent
    chance = torch.sigmoid(least) * (present + absent)
    planes = (losses, chance * present, chance + present, present, present + absent)
    sums = torch.stack([plane.sum((0, 2, 3)) for plane in planes])  # (5, channels)
    everywhere = all_reduce_sum(sums)
    known, shown = everywhere[4], everywhere[3]
    return _mean(sums[0] / known.clamp(min=1), known) + _mean(_dice_loss(sums, everywhere), shown)


def pixel_probabilities(logits: Tensor, ancestors: NDArray[np.bool_]) -> Tensor:
    """Probability of each channel at each pixel, at most that of its ancestors, float32 of the shape of the logits."""
    return torch.sigmoid(least_above(logits, ancestors))


def least_above(logits: Tensor, ancestors: NDArray[np.bool_]) -> Tensor:
    """Logit of p_v: the least over v and its ancestors (equation 4), float32 of the shape of the logits."""
    return _along(logits, ancestors, torch.minimum)


def _along(logits: Tensor, relatives: NDArray[np.bool_], choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    channels = logits.float().unbind(1)
    lines = [np.flatnonzero(row).tolist() for row in relatives]
    return torch.stack([reduce(choose, [channels[number] for number in line]) for line in lines], 1)


def _dice_loss(sums: Tensor, everywhere: Tensor) -> Tensor:
    """This process's summands of 1 - 2 I / A, with the overlap I and the areas A of all processes.

    Their values add up to the whole, and so do their gradients -2 dI / A + 2 I dA / A^2, of which each process knows
    its own dI and dA.
    """
    overlap, area = everywhere[1], everywhere[2].clamp(min=1)
    own_overlap, own_area = sums[1], sums[2]
    moved = own_area - own_area.detach()  # 0, with the gradient of the area
    return 1 / world_size() - 2 * own_overlap / area + 2 * overlap / area**2 * moved


def _mean(of_channels: Tensor, count: Tensor) -> Tensor:
    """Mean over the channels that have a count."""
    counted = count > 0
    return torch.where(counted, of_channels, 0).sum() / counted.sum().clamp(min=1)
