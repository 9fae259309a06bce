"""What stands on the feature maps in pretraining: the hierarchical classifier and the projector."""

from __future__ import annotations

from torch import Tensor, nn


class HierarchicalClassifier(nn.Module):
    """One logit per node of the tree from the pooled deepest map: two linear layers, as published."""

    def __init__(self, channels: int, nodes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, channels)
        self.nodes = nn.Linear(channels, nodes)

    def forward(self, pooled: Tensor) -> Tensor:
        """(batch, channels) to (batch, nodes)."""
        return self.nodes(self.hidden(pooled))


class Projector(nn.Module):
    """The space in which images, or places of them, are compared.

    Two linear layers with normalisation per vector, none across a batch.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, channels), nn.LayerNorm(channels), nn.GELU(), nn.Linear(channels, width)
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """(..., channels) to (..., width)."""
        return self.layers(pooled)
