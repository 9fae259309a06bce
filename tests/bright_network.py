"""A stand-in for a trained network: what is brighter than half is label 1."""

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
