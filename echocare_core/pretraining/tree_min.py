"""The hierarchical classifier's loss and probabilities on a tree of any depth (tree-min: Li et al., CVPR 2022).

The sigmoid is monotone, so the minimum over ancestors and the maximum over descendants are taken on logits, in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.pretraining.world import total


def ancestor_minimum(logits: Tensor, ancestors: Tensor) -> Tensor:
    """Logit of p_v: the least over v and its ancestors (equation 4), so no child is more probable than its parent.

    Args:
        logits: float (batch, nodes).
        ancestors: bool (nodes, nodes), [v, u] True where u is v or an ancestor of v.
    """
    return logits.float()[:, None, :].masked_fill(~ancestors, torch.inf).amin(-1)


def descendant_maximum(logits: Tensor, ancestors: Tensor) -> Tensor:
    """Logit of q_v: the greatest over v and its descendants (equation 4); see `ancestor_minimum`."""
    return logits.float()[:, None, :].masked_fill(~ancestors.t(), -torch.inf).amax(-1)


def tree_min_loss(logits: Tensor, nodes: Tensor, ancestors: Tensor, depth: Tensor) -> Tensor:
    """Sum over levels of mean[-y log p - (1 - y) log(1 - q)] (equation 5), over the batches of all processes.

    Args:
        logits: float (batch, nodes).
        nodes: int64 (batch,), the deepest node known of each image, -1 where nothing is known. What lies below the
            known node is neither positive nor negative and does not count.
        ancestors: bool (nodes, nodes); see `ancestor_minimum`.
        depth: int64 (nodes,), 0 for the coarsest level.
    """
    known = (nodes >= 0)[:, None]
    positive = ancestors[nodes.clamp(min=0)] & known
    below = ancestors.t()[nodes.clamp(min=0)] & ~positive
    negative = ~positive & ~below & known
    losses = functional.softplus(-ancestor_minimum(logits, ancestors)) * positive
    losses = losses + functional.softplus(descendant_maximum(logits, ancestors)) * negative
    levels = functional.one_hot(depth).float()  # (nodes, levels)
    counts = total((positive | negative).float().sum(0) @ levels)
    return ((losses.sum(0) @ levels) / counts.clamp(min=1)).sum()


def tree_probabilities(logits: Tensor, ancestors: Tensor) -> Tensor:
    """Probability of each node, at most that of its parent: (batch, nodes)."""
    return torch.sigmoid(ancestor_minimum(logits, ancestors))
