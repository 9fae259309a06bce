"""Processes that train together under `torchrun`: device, start, stop, and the collectives that a loss needs.

Without `torchrun` every function works too: one process, rank 0 of a world of 1.

Each process computes its own summands of a loss over the batches of all processes, divided by numbers summed over all.
Times the number of processes, since DistributedDataParallel takes the mean of the gradients, they add up to the whole.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.nn import functional

from echocare_core.errors import SettingsError
from echocare_core.parent import end_with_parent

Thing = TypeVar("Thing")


def local_device() -> torch.device:
    """The device of this process: the CUDA device of its `LOCAL_RANK`, the first one without it, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def find_device(device: torch.device | str) -> torch.device:
    """A device by its name.

    Raises:
        SettingsError: PyTorch knows none of that name, or sees no such GPU here.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise SettingsError(f"There is no device '{device}'; needed cpu, or cuda for a GPU. Set device so.") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise SettingsError(f"PyTorch sees no GPU here for device {device}; needed cpu. Set device to it.")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        seen = torch.cuda.device_count()
        raise SettingsError(
            f"PyTorch sees {seen} GPUs here and no {device}; needed cuda:0 to cuda:{seen - 1}. Set it so."
        )
    return found


def start_distributed(device: torch.device | str) -> None:
    """Join the process group that `torchrun` set up: NCCL between CUDA devices, gloo between CPUs.

    Call it before networks and data loaders are made, and `stop_distributed` at the end. Outside `torchrun` there is
    nothing to join.

    Args:
        device: of this process; on CUDA it becomes the current one.

    Raises:
        SettingsError: no such device.
    """
    device = find_device(device)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    if "RANK" in os.environ and not distributed.is_initialized():
        end_with_parent()  # torchrun
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop_distributed() -> None:
    """Leave the process group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def world_size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Element-wise sum of a tensor over all processes, without gradient."""
    tensor = tensor.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(tensor)
    return tensor


def all_reduce_max(tensor: Tensor) -> Tensor:
    """Element-wise maximum of a tensor over all processes, without gradient."""
    tensor = tensor.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
    return tensor


def all_gather_lists(things: list[Thing]) -> list[Thing]:
    """The lists of all processes as one, in order of their ranks; what is in them must be plain enough to be sent."""
    if world_size() == 1:
        return things
    gathered: list[Any] = [None] * world_size()
    distributed.all_gather_object(gathered, things)
    return [thing for some in gathered for thing in some]


def all_gather(rows: Tensor) -> Tensor:
    """The rows of all processes in order of their ranks, with gradients; every process gives as many."""
    if world_size() == 1:
        return rows
    gathered = torch.cat(functional.all_gather(rows.contiguous()))
    if gathered.requires_grad:
        gathered.register_hook(Tensor.contiguous)  # gloo sends a gradient in the order of its memory
    return gathered
