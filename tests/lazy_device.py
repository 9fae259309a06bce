"""A device that is not the CPU, on any machine: PyTorch's lazy one computes on the CPU and hides its tensors."""

from __future__ import annotations

from functools import cache

import torch
import torch._lazy.ts_backend


@cache
def lazy_device() -> torch.device:
    """The device; it can be set up once in a process."""
    torch._lazy.ts_backend.init()
    return torch.device("lazy")
