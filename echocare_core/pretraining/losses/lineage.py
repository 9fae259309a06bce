"""Each node's line from the root, level by level, as a table to index with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def lineages(ancestors: Tensor, depth: Tensor) -> Tensor:
    """The node that stands above each node, or is it, on each level.

    Args:
        ancestors: bool (nodes, nodes), [v, u] True where u is v or an ancestor of v.
        depth: int64 (nodes,), 0 for the coarsest level.

    Returns:
        int64 (nodes, levels), coarse to fine; -1 on levels finer than the node.
    """
    numbers = torch.arange(1, len(depth) + 1, device=depth.device) * ancestors
    on_level = functional.one_hot(depth).to(numbers.dtype).t()  # (levels, nodes)
    return (numbers[:, None, :] * on_level).amax(-1) - 1
