"""Random numbers as a pure function of (seed, purpose, image, number): no state to save, the same on every device.

The n-th number of an image depends on nothing but these four, so a training goes on exactly where it stopped, and two
processes draw for their halves of a batch what one process draws for the whole.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from echocare_core.pretraining.data.splitmix64 import GOLDEN, mix_bits, shift_right

FRACTION_BITS = 53


def uniform(seed: int, purpose: str, positions: Tensor, count: int) -> Tensor:
    """Numbers in [0, 1) for each image of a batch.

    Args:
        seed: of the run.
        purpose: what they are for; each purpose has numbers of its own.
        positions: int64 (batch,), place of each image in the stream of the run.
        count: numbers per image.

    Returns:
        float32 (batch, count) on the device of `positions`.
    """
    start = int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little", signed=True)
    images = mix_bits(positions.to(torch.int64) * GOLDEN + start)
    numbers = torch.arange(1, count + 1, device=positions.device) * GOLDEN
    bits = shift_right(mix_bits(images[:, None] + numbers), 64 - FRACTION_BITS)
    return (bits.to(torch.float64) * 2.0**-FRACTION_BITS).to(torch.float32).clamp_(max=1 - 2.0**-24)


def normal(seed: int, purpose: str, positions: Tensor, count: int) -> Tensor:
    """Numbers of the standard normal distribution for each image of a batch, by Box and Muller; see `uniform`."""
    half = -(-count // 2)
    drawn = uniform(seed, purpose, positions, 2 * half)
    radius = torch.sqrt(-2 * torch.log1p(-drawn[:, :half]))
    angle = 2 * torch.pi * drawn[:, half:]
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)[:, :count]
