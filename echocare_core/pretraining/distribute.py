"""The network over several processes: copies of it (DDP), or pieces (FSDP) where memory asks for that."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from echocare_core.errors import SettingsError
from echocare_core.models.echocare import EchoCare
from echocare_core.models.encoder import SwinBlock
from echocare_core.models.layers import Kept

STRATEGIES = ("ddp", "fsdp")


def distributed_network(network: nn.Module, strategy: str, device: torch.device) -> nn.Module:
    """The network as one process of several trains it.

    Args:
        network: on its device; one without gradients, as the moving average, needs no copies to be kept alike.
        strategy: "ddp": every process holds all weights; "fsdp": every process holds a part of each block's weights,
            gradients and optimiser state, and gathers a block when it computes it.
        device: of this process.

    Raises:
        SettingsError: another strategy.
    """
    if strategy not in STRATEGIES:
        raise SettingsError(f"Unknown strategy '{strategy}'; needed one of {', '.join(STRATEGIES)}.")
    if strategy == "fsdp":
        for parameter in network.parameters():
            parameter.data = parameter.data.contiguous()  # convolutions keep channels last, which cannot be cut
        for module in network.modules():
            kept = getattr(module, "kept", None)
            if isinstance(kept, Kept):
                kept.keeps = False
        for block in [module for module in network.modules() if isinstance(module, SwinBlock)]:
            fully_shard(block)
        fully_shard(network, reshard_after_forward=True)
        return network
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return network
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=devices, find_unused_parameters=True)


def moving_average(network: EchoCare) -> EchoCare:
    """A copy of the network to follow it, without gradients; make it before the network is distributed."""
    return copy.deepcopy(network).requires_grad_(False).eval()
