"""The network that is trained and its teacher: on the device, as copies (DDP) or shards (FSDP) in several processes."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from echocare_core.distributed import find_device, world_size
from echocare_core.errors import SettingsError
from echocare_core.models.echocare import EchoCare
from echocare_core.models.encoder import SwinBlock
from echocare_core.models.layers import DerivedTensorCache
from echocare_core.pretraining.stages import Stages

STRATEGIES = ("ddp", "fsdp")


@dataclass(frozen=True)
class Networks:
    """What is trained, and what it learns from.

    Attributes:
        network: `EchoCare`, or DistributedDataParallel or FSDP around it.
        teacher: its exponential moving average; None where no stage needs it.
    """

    network: nn.Module
    teacher: nn.Module | None


def build_networks(network: EchoCare, *, stages: Stages, device: torch.device | str, strategy: str) -> Networks:
    """Put a network and, where a stage needs one, a teacher that starts as its copy on the device.

    Args:
        network: as built; it is moved and, by FSDP, sharded in place.
        stages: of the training.
        device: of this process.
        strategy: see `distribute_network`.

    Raises:
        SettingsError: an unknown strategy, or no such device.
    """
    device = find_device(device)
    teacher = copy_teacher(network) if stages.need_teacher else None  # before the network is sharded
    return Networks(
        distribute_network(network, strategy, device),
        None if teacher is None else distribute_network(teacher, strategy, device),
    )


def distribute_network(network: nn.Module, strategy: str, device: torch.device) -> nn.Module:
    """Put a network on the device, wrapped where several processes train together.

    Args:
        network: to train; or one without gradients, as the teacher, whose copies need not be kept alike.
        strategy: "ddp": every process holds all weights; "fsdp": every process holds a part of each block's weights,
            gradients and optimiser state, and gathers a block when it computes it.
        device: of this process.

    Raises:
        SettingsError: another strategy.
    """
    if strategy not in STRATEGIES:
        raise SettingsError(f"Unknown strategy '{strategy}'; needed one of {', '.join(STRATEGIES)}.")
    network = network.to(device)
    if world_size() == 1:
        return network
    if strategy == "fsdp":
        return _shard(network)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        return network
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=devices, find_unused_parameters=True)


def copy_teacher(network: EchoCare) -> EchoCare:
    """A copy of the network, without gradients, to become its moving average; make it before the network is sharded."""
    return copy.deepcopy(network).requires_grad_(False).eval()


@torch.no_grad()
def update_ema(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Exponential moving average of the weights: momentum * teacher + (1 - momentum) * student; buffers are copied."""
    averages: list[Tensor] = list(teacher.parameters())
    current: list[Tensor] = list(student.parameters())
    torch._foreach_mul_(averages, momentum)
    torch._foreach_add_(averages, current, alpha=1 - momentum)
    for ours, theirs in zip(teacher.buffers(), student.buffers(), strict=True):
        ours.copy_(theirs)


def _shard(network: nn.Module) -> nn.Module:
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()  # convolutions keep channels last, which cannot be cut
    for module in network.modules():
        cache = getattr(module, "derived", None)
        if isinstance(cache, DerivedTensorCache):
            cache.enabled = False
    for block in [module for module in network.modules() if isinstance(module, SwinBlock)]:
        fully_shard(block)
    fully_shard(network, reshard_after_forward=True)
    return network
