"""The hierarchical classifier's loss and probabilities on a tree of any depth (tree-min: Li et al., CVPR 2022).

The sigmoid is monotone, so the minimum over ancestors and the maximum over descendants are taken on logits, in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_reduce_sum


def ancestor_minimum(logits: Tensor, lines: Tensor) -> Tensor:
    """Logit of p_v: the least over v and its ancestors (equation 4), so no child is more probable than its parent.

    Args:
        logits: float (batch, nodes).
        lines: int64 (nodes, levels); see `OrganTree`.
    """
    return logits.float()[:, _fill_levels(lines)].amin(-1)


def descendant_maximum(logits: Tensor, lines: Tensor) -> Tensor:
    """Logit of q_v: the greatest over v and its descendants (equation 4); see `ancestor_minimum`."""
    above = _fill_levels(lines).flatten().expand(len(logits), -1)
    each = logits.float().repeat_interleave(lines.shape[1], 1)
    return torch.full_like(logits, -torch.inf, dtype=torch.float32).scatter_reduce(1, above, each, "amax")


def tree_min_loss(logits: Tensor, nodes: Tensor, ancestors: Tensor, lines: Tensor) -> Tensor:
    """Sum over levels of mean[-y log p - (1 - y) log(1 - q)] (equation 5), over the batches of all processes.

    Args:
        logits: float (batch, nodes).
        nodes: int64 (batch,), the deepest node known of each image, -1 where nothing is known. What lies below the
            known node is neither positive nor negative and does not count.
        ancestors, lines: of the tree; see `OrganTree`.
    """
    known = (nodes >= 0)[:, None]
    positive = ancestors[nodes.clamp(min=0)] & known
    below = ancestors.t()[nodes.clamp(min=0)] & ~positive
    negative = ~positive & ~below & known
    losses = functional.softplus(-ancestor_minimum(logits, lines)) * positive
    losses = losses + functional.softplus(descendant_maximum(logits, lines)) * negative
    levels = (lines == _themselves(lines)).float()  # (nodes, levels), 1 on the level of the node
    counts = all_reduce_sum((positive | negative).float().sum(0) @ levels)
    return ((losses.sum(0) @ levels) / counts.clamp(min=1)).sum()


def tree_probabilities(logits: Tensor, lines: Tensor) -> Tensor:
    """Probability of each node, at most that of its parent: (batch, nodes)."""
    return torch.sigmoid(ancestor_minimum(logits, lines))


def _fill_levels(lines: Tensor) -> Tensor:
    """The lines with the node itself on finer levels, so that each level has one."""
    return torch.where(lines < 0, _themselves(lines), lines)


def _themselves(lines: Tensor) -> Tensor:
    return torch.arange(len(lines), device=lines.device)[:, None]
