"""In which precision a device computes fastest, and a network that computes in it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from echocare_core.errors import SettingsError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
WITH_BFLOAT16 = ("amx_bf16", "avx512_bf16")  # what /proc/cpuinfo calls the instructions that multiply it
CPU_INFO = "/proc/cpuinfo"


def fastest_precision(device: str | torch.device) -> str:
    """The precision in which a device runs an encoder fastest: "bfloat16" or "float32".

    It is bfloat16 on CUDA, and on a CPU with AMX or AVX512-BF16; without those a CPU would emulate it.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return "bfloat16"
    return "bfloat16" if kind == "cpu" and _cpu_multiplies_bfloat16() else "float32"


def chosen_precision(precision: str, device: str | torch.device) -> str:
    """A setting as a precision: "auto" is the fastest one of the device.

    Raises:
        SettingsError: none of "auto", "float32" and "bfloat16".
    """
    if precision == "auto":
        return fastest_precision(device)
    if precision not in PRECISIONS:
        raise SettingsError(f"Unknown precision '{precision}'; needed one of auto, {', '.join(PRECISIONS)}.")
    return precision


class InBFloat16(nn.Module):
    """A network called under autocast to bfloat16; what it returns is float32.

    Args:
        network: image batch to a tensor, or to a list of tensors.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Call the network with a float tensor; same shapes in and out."""
        with torch.autocast(image.device.type, torch.bfloat16):
            output = self.network(image)
        return output.float() if isinstance(output, Tensor) else [tensor.float() for tensor in output]


def _cpu_multiplies_bfloat16() -> bool:
    try:
        with open(CPU_INFO, encoding="utf-8") as information:
            return any(
                name in line.split() for line in information if line.startswith("flags") for name in WITH_BFLOAT16
            )
    except OSError:  # not Linux
        return False
