"""How the network is called: in bfloat16 while training, on both mirror images when it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import SimpleInferer
from torch import Tensor


class BFloat16Inferer(SimpleInferer):
    """Call the network under autocast to bfloat16, on the CPU as well as on CUDA; the result is float32.

    MONAI's own `amp` switch knows CUDA only. bfloat16 needs no loss scaling.
    """

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            return super().__call__(inputs, network, *args, **kwargs).float()


class MirrorInferer(SimpleInferer):
    """Mean of the logits (batch, labels, height, width) on the picture and, turned back, on its mirror image.

    It makes the answer the same for both, at twice the time.
    """

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        straight = super().__call__(inputs, network, *args, **kwargs)
        mirrored = super().__call__(inputs.flip(-1), network, *args, **kwargs)
        return (straight + mirrored.flip(-1)) / 2
