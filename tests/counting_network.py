"""A network of which no recording is right: what it gives depends on how often it was called."""

import torch
from torch import Tensor, nn


class CountingNetwork(nn.Module):
    """Gives two channels for an image (batch, 3, height, width), each pixel the number of calls so far."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.calls = 0

    def forward(self, image: Tensor) -> Tensor:
        """Count, and leave the image unseen."""
        self.calls += 1
        return self.scale * self.calls * torch.ones_like(image[:, :2])
