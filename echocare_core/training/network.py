"""A network on its device, shared by the processes of a training, and its optimiser."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from echocare_core.distributed import find_device, world_size
from echocare_core.models.tuning import Tuning
from echocare_core.models.weights import load_network


def place_network(
    network: nn.Module, device: str | torch.device, weights: str | Path | None = None, tuning: Tuning | None = None
) -> nn.Module:
    """Move a network to a device; where processes train together, their gradients become one.

    Args:
        network: of this process.
        device: of this process.
        weights: file of the whole network to start from, such as the bundle's own; None for those that it has.
        tuning: how far its encoder may leave those weights; None for as far as it likes.

    Returns:
        The network, or `DistributedDataParallel` around it.

    Raises:
        SettingsError: no such device, or a tuning that the network cannot have.
        WeightsError: weights that are not of this network.
    """
    device = find_device(device)
    network = network.to(device) if weights is None else load_network(network, weights, device).train()
    if tuning is not None:
        tuning.prepare(network)
    if world_size() == 1:
        return network
    return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)


def bare(network: nn.Module) -> nn.Module:
    """The network itself, whose state dict has no prefix."""
    return network.module if isinstance(network, DistributedDataParallel) else network
