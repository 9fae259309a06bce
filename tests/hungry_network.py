"""A stand-in for a network that the memory of a GPU holds for one image at a time."""

from __future__ import annotations

import torch
from bright_network import BrightNetwork
from torch import Tensor


class HungryNetwork(BrightNetwork):
    """`BrightNetwork` that runs out of memory where a batch has several images."""

    def forward(self, image: Tensor) -> Tensor:
        """Compare each pixel with the threshold, of one image."""
        if len(image) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return super().forward(image)
