"""Which patches are hidden: random or hard ones, inside the scan sector only. `masked` is True where hidden."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

INSIDE_SHARE = 0.5  # of a patch's pixels, from which it counts as inside the sector


def patches_inside(inside_sector: Tensor, patch_px: int) -> Tensor:
    """Patches that show the scan sector.

    Args:
        inside_sector: float or bool (batch, 1, height, width), whole patches.
        patch_px: side of a patch.

    Returns:
        bool (batch, rows, columns): at least half of the patch lies in the sector; where an image has no such patch,
        all of its patches.
    """
    inside = functional.avg_pool2d(inside_sector.float(), patch_px)[:, 0] >= INSIDE_SHARE
    return inside | ~inside.flatten(1).any(1)[:, None, None]


def choose_masked(
    inside: Tensor, ratio: float, chances: Tensor, hardness: Tensor | None = None, hard_share: float = 0.0
) -> Tensor:
    """Choose the patches to hide (HPM, Wang et al., CVPR 2023, section 3.3, with the sector as a bound).

    Args:
        inside: bool (batch, rows, columns), the candidates.
        ratio: share of each image's candidates to hide, at least one and never all of two or more.
        chances: float (batch, rows * columns), random numbers; the smallest are hidden.
        hardness: float (batch, rows, columns), predicted reconstruction loss.
        hard_share: share of the hidden patches that are the hardest instead of random ones, 0 to 1.

    Returns:
        masked: bool (batch, rows, columns), True = hidden.
    """
    candidates = inside.flatten(1)
    available = candidates.sum(1)
    hidden = (available * ratio).round().long().clamp(min=1).minimum((available - 1).clamp(min=1))
    order = chances.masked_fill(~candidates, 2.0)
    if hardness is not None and hard_share > 0:
        ranks = _ranks(-hardness.flatten(1).float().masked_fill(~candidates, -torch.inf))
        hardest = ranks < (hidden * hard_share).round().long()[:, None]
        order = order.masked_fill(hardest & candidates, -1.0)
    return ((_ranks(order) < hidden[:, None]) & candidates).view_as(inside)


def enlarge(patches: Tensor, factor: int) -> Tensor:
    """Each element of (batch, rows, columns) repeated to a square of factor x factor."""
    return patches.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def keep_one_of_four(inside: Tensor, chances: Tensor) -> Tensor:
    """Uniform sampling (Li et al., arXiv 2205.10063): of each block of 2x2 patches one stays, three are hidden.

    Args:
        inside: bool (batch, rows, columns), even numbers of both.
        chances: float (batch, rows * columns); the largest of a block stays, one inside the sector if there is any.

    Returns:
        masked: bool (batch, rows, columns), also outside the sector; score only what lies inside.
    """
    batch, rows, columns = inside.shape
    preferred = chances.view_as(inside) + inside.float()
    blocks = preferred.view(batch, rows // 2, 2, columns // 2, 2).transpose(2, 3).reshape(batch, -1, 4)
    kept = functional.one_hot(blocks.argmax(-1), 4).bool()
    return ~kept.view(batch, rows // 2, columns // 2, 2, 2).transpose(2, 3).reshape(batch, rows, columns)


def _ranks(values: Tensor) -> Tensor:
    """Place of each value in its row, 0 for the smallest; ties go by place."""
    return values.argsort(dim=1, stable=True).argsort(dim=1)
