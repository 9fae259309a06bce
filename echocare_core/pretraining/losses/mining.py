"""Adaptive hard patch mining: learn which patches are hard to reconstruct (HPM, Wang et al., CVPR 2023)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_reduce_sum


def ranking_loss(predicted: Tensor, losses: Tensor, scored: Tensor) -> Tensor:
    """Binary cross-entropy of the order of each pair of scored patches of an image (HPM, equation 5).

    -sum 1[L_i > L_j] log s(l_i - l_j) - sum 1[L_i < L_j] log(1 - s(l_i - l_j)), over the number of ordered pairs in the
    batches of all processes.

    Args:
        predicted: float (batch, rows, columns), predicted loss of each patch.
        losses: the same shape, what the reconstruction cost; no gradient flows into it.
        scored: bool, the same shape: hidden patches.
    """
    predicted, losses, chosen = predicted.flatten(1).float(), losses.detach().flatten(1), scored.flatten(1)
    harder = (losses[:, :, None] > losses[:, None, :]) & chosen[:, :, None] & chosen[:, None, :]
    each = functional.softplus(predicted[:, None, :] - predicted[:, :, None]) * harder  # i > j and j < i say the same
    return each.sum() / all_reduce_sum(harder.float().sum()).clamp(min=1)
