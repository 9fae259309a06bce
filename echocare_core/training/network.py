"""A network on its device, shared by the processes of a training, and its optimiser."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from echocare_core.distributed import find_device, world_size


def place_network(network: nn.Module, device: str | torch.device) -> nn.Module:
    """Move a network to a device; where processes train together, their gradients become one.

    Args:
        network: of this process.
        device: of this process.

    Returns:
        The network, or `DistributedDataParallel` around it.

    Raises:
        SettingsError: no such device.
    """
    device = find_device(device)
    network = network.to(device)
    if world_size() == 1:
        return network
    return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)


def bare(network: nn.Module) -> nn.Module:
    """The network itself, whose state dict has no prefix."""
    return network.module if isinstance(network, DistributedDataParallel) else network
