"""In which precision a device computes fastest, and a network that computes in it."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from echocare_core.errors import SettingsError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
WITH_BFLOAT16 = ("amx_bf16", "avx512_bf16")  # what /proc/cpuinfo calls the instructions that multiply it
CPU_INFO = "/proc/cpuinfo"
AMPERE = (8, 0)  # compute capability


def fastest_precision(device: str | torch.device) -> str:
    """The precision in which a device runs an encoder fastest: "bfloat16" or "float32".

    It is bfloat16 on CUDA from Ampere on, and on a CPU with AMX or AVX512-BF16; others would emulate it.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device) >= AMPERE else "float32"
    return "bfloat16" if device.type == "cpu" and _cpu_multiplies_bfloat16(CPU_INFO) else "float32"


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


@cache
def _cpu_multiplies_bfloat16(cpu_info: str) -> bool:
    try:
        with open(cpu_info, encoding="utf-8") as information:
            return any(
                name in line.split() for line in information if line.startswith("flags") for name in WITH_BFLOAT16
            )
    except OSError:  # not Linux
        return False
