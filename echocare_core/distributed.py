"""What the processes of a distributed training share: sums, and batches gathered with their gradients.

Each process computes its own summands of a loss over the batches of all processes, divided by numbers summed over all.
Times the number of processes, since DistributedDataParallel takes the mean of the gradients, they add up to the whole.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed
from torch.distributed.nn.functional import all_gather


def processes() -> int:
    """How many train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process, 0 where there is one only."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def total(number: Tensor) -> Tensor:
    """Sum of a tensor over all processes, without gradient."""
    number = number.detach().clone()
    if processes() > 1:
        distributed.all_reduce(number)
    return number


def largest(number: Tensor) -> Tensor:
    """Element-wise maximum of a tensor over all processes, without gradient."""
    number = number.detach().clone()
    if processes() > 1:
        distributed.all_reduce(number, distributed.ReduceOp.MAX)
    return number


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, in order of their numbers, with gradients; all have as many."""
    if processes() == 1:
        return rows
    return torch.cat(all_gather(rows.contiguous()))
