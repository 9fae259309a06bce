"""How the network is called: in a precision while training, on a picture and its mirror image when it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.inferers import SimpleInferer
from torch import Tensor

from echocare_core.models.precision import computing_in


class PrecisionInferer(SimpleInferer):
    """Call the network in a precision, on the CPU as well as on CUDA; the result is float32.

    MONAI's own `amp` switch knows CUDA only. bfloat16 needs no loss scaling.

    Args:
        precision: "float32"; "tf32" on GPUs; "bfloat16", under autocast; or "auto", the fastest of the device.

    Raises:
        SettingsError: another precision, at the first call.
    """

    def __init__(self, precision: str) -> None:
        super().__init__()
        self.precision = precision

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        with computing_in(self.precision, inputs.device):
            return super().__call__(inputs, network, *args, **kwargs).float()


class FlipInferer(SimpleInferer):
    """Flip test-time augmentation: mean of the logits of the picture and, flipped back, of its mirror image.

    For logits of pixels (batch, labels, height, width) or of the whole picture (batch, classes). It makes the answer
    the same for both, at twice the time.
    """

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        straight = super().__call__(inputs, network, *args, **kwargs)
        mirrored = super().__call__(inputs.flip(-1), network, *args, **kwargs)
        return (straight + (mirrored.flip(-1) if mirrored.ndim == inputs.ndim else mirrored)) / 2
