"""The joint network compiled: one graph for each stage, whose sizes are fixed, in place of thousands of operators."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from echocare_core.errors import SettingsError


def compile_network(network: nn.Module, *, graphs: int, device: torch.device) -> None:
    """Let `torch.compile` make the forward and backward pass of a network, in place: its weights keep their names.

    Nothing is compiled before the first call of each stage. On CUDA the graphs are recorded and replayed whole (CUDA
    graphs), so that the GPU does not wait for the program to launch its kernels; call `begin_step` before each step.

    Args:
        network: `EchoCare`, also inside of DistributedDataParallel.
        graphs: at most how many will be made of it, by sizes of batches and images and by what is asked of it.
        device: where it is.

    Raises:
        SettingsError: a network whose weights are sharded.
    """
    if isinstance(network, FSDPModule):
        raise SettingsError(
            "compile is True, and strategy fsdp shards the weights, which no graph takes; needed ddp. Set strategy to "
            "that, or compile to False."
        )
    limits = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, graphs)
    mode = "reduce-overhead" if device.type == "cuda" else "default"
    network.compile(fullgraph=True, dynamic=False, mode=mode)


def begin_step() -> None:
    """From here on the graphs may write over what they gave in the step before: its outputs and gradients."""
    torch.compiler.cudagraph_mark_step_begin()
