"""What is said when a GPU, or the machine, has no memory left for a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from echocare_core.counting import counted
from echocare_core.errors import DeviceMemoryError

# In PyTorch's messages, whose class tells nothing.
_OF_THE_CPU, _OF_LIBRARIES = "DefaultCPUAllocator", "_STATUS_ALLOC_FAILED"  # of cuBLAS and cuDNN


@contextmanager
def explained_memory(device: str | torch.device, batch: object = None) -> Iterator[None]:
    """Raise DeviceMemoryError, which says what to do, where memory runs out.

    Args:
        device: that computes.
        batch: what it computes on: a mapping with `image` (batch, channel, ...), or nothing that is known.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceMemoryError(_sentence(str(device), "device to cpu", batch)) from error
    except RuntimeError as error:
        if _OF_LIBRARIES in str(error):
            raise DeviceMemoryError(_sentence(str(device), "device to cpu", batch)) from error
        if _OF_THE_CPU not in str(error):
            raise
        raise DeviceMemoryError(_sentence("The machine", "image_size to less", batch)) from error


def _sentence(who: str, instead: str, batch: object) -> str:
    image = batch.get("image") if isinstance(batch, Mapping) else None
    if not isinstance(image, Tensor) or image.ndim < 2:
        return f"{who} has no memory left; needed some. End other programs that use it, or set {instead}."
    size = "x".join(map(str, image.shape[2:]))
    smaller = f"batch_size to {len(image) // 2}, or " if len(image) > 1 else ""
    return (
        f"{who} has no memory left for a batch of {counted(len(image), 'image')} of {size} px; "
        f"needed room for it. Set {smaller}{instead}, or end other programs that use it."
    )
