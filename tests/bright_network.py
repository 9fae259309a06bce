"""Stand-ins for trained networks: what is brighter than half is label 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BrightNetwork(nn.Module):
    """Logits (batch, 2, height, width) whose second channel wins where the mean of the colours exceeds `threshold`."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, image: Tensor) -> Tensor:
        """Compare each pixel with the threshold."""
        excess = 100 * (image.mean(dim=1, keepdim=True) - self.threshold)
        return torch.cat([-excess, excess], dim=1)


class BrightVentricle(BrightNetwork):
    """The same of a ventricle of constant length, and in a third channel the logarithm of its volume: area squared."""

    def forward(self, image: Tensor) -> Tensor:
        """Compare each pixel with the threshold, and count."""
        logits = super().forward(image)
        area = (logits[:, 1:] > 0).sum(dim=(-2, -1), keepdim=True).clamp(min=1)
        return torch.cat([logits, 2 * area.log().expand_as(logits[:, 1:])], dim=1)
