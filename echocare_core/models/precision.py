"""In which precision a device computes fastest, and a network that computes in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from echocare_core.errors import SettingsError

PRECISIONS = ("float32", "tf32", "bfloat16")
AMX, AVX512 = "amx_bf16", "avx512_bf16"  # what /proc/cpuinfo calls the instructions that multiply bfloat16
CPU_INFO = "/proc/cpuinfo"
AMPERE = (8, 0)  # compute capability


def fastest_precision(device: str | torch.device) -> str:
    """The precision in which a device runs an encoder fastest: "bfloat16" or "float32"; of one device always the same.

    It is bfloat16 on CUDA from Ampere on, and on a CPU with AMX. AVX512-BF16 alone is no reason: with it one processor
    took 53 ms in place of 41 for the encoder `tiny`, and another as long as in float32, since converting to bfloat16
    and back takes what its products save.
    """
    return _fastest(torch.device(device))[0]


def explain_precision(precision: str, device: str | torch.device) -> str:
    """What a setting means on a device, and why, for the log: "precision auto is bfloat16 on cpu: it has AMX"."""
    device = torch.device(device)
    chosen = chosen_precision(precision, device)
    why = _fastest(device)[1] if precision == "auto" else "as it was set"
    return f"precision {precision} is {chosen} on {device}: {why}"


def check_precision(precision: str) -> None:
    """Check that there is such a setting.

    Raises:
        SettingsError: none of "auto", "float32", "tf32" and "bfloat16".
    """
    if precision not in ("auto", *PRECISIONS):
        raise SettingsError(f"Unknown precision '{precision}'; needed one of auto, {', '.join(PRECISIONS)}.")


def chosen_precision(precision: str, device: str | torch.device) -> str:
    """A setting as a precision: "auto" is the fastest one of the device.

    Raises:
        SettingsError: none of "auto", "float32", "tf32" and "bfloat16", or "tf32" for something else than a GPU.
    """
    check_precision(precision)
    if precision == "auto":
        return fastest_precision(device)
    if precision == "tf32" and torch.device(device).type != "cuda":
        raise SettingsError(f"Only GPUs compute in tf32, and the device is {device}; set precision to float32.")
    return precision


@contextmanager
def float32_products(precision: str, device: str | torch.device) -> Iterator[None]:
    """Multiply float32 on a GPU as a precision says: in TF32 where it is "tf32", else in full.

    PyTorch lets convolutions of float32 run in TF32, with 10 bits of precision, wherever a GPU can. While the block
    runs this is a setting of the whole process, the backward pass in it included; afterwards it is what it was.

    Args:
        precision: as for `chosen_precision`.
        device: where; nothing is set for others than GPUs.
    """
    if torch.device(device).type != "cuda":
        yield
        return
    settings = _settings_of_cuda(allow_tf32=precision == "tf32")
    former = [_value(place, name) for place, name, _ in settings]
    try:
        for place, name, value in settings:
            setattr(place, name, value)
        yield
    finally:
        for (place, name, _), value in zip(settings, former, strict=True):
            setattr(place, name, value)


@contextmanager
def computing_in(precision: str, device: str | torch.device) -> Iterator[None]:
    """Call networks in a precision: under autocast for "bfloat16", else with `float32_products`.

    Args:
        precision: as for `chosen_precision`.
        device: where.
    """
    device = torch.device(device)
    chosen = chosen_precision(precision, device)
    lower = torch.autocast(device.type, torch.bfloat16) if chosen == "bfloat16" else nullcontext()
    with float32_products(chosen, device), lower:
        yield


class InPrecision(nn.Module):
    """A network called in a precision; what it returns is float32.

    Args:
        network: image batch to a tensor, or to a list of tensors.
        precision: as for `chosen_precision`.
    """

    def __init__(self, network: nn.Module, precision: str) -> None:
        super().__init__()
        self.network, self.precision = network, precision

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Call the network with a float tensor; same shapes in and out."""
        with computing_in(self.precision, image.device):
            output = self.network(image)
        return output.float() if isinstance(output, Tensor) else [tensor.float() for tensor in output]


def _settings_of_cuda(*, allow_tf32: bool) -> list[tuple[Any, str, Any]]:
    """(where, name, value) of the settings by which this PyTorch multiplies float32 on GPUs.

    From 2.9 on there are two sets of them. Where they disagree, whoever asks by the older names gets an error: so both
    are set, the older ones first, which change the newer ones.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    newer = (matmul, cudnn.conv, cudnn.rnn) if hasattr(cudnn, "conv") else ()
    precision = "tf32" if allow_tf32 else "ieee"
    return [
        *((place, "allow_tf32", allow_tf32) for place in (matmul, cudnn)),
        *((place, "fp32_precision", precision) for place in newer),
    ]


def _value(place: Any, name: str) -> Any:
    """A setting; False of an older one that disagrees with the newer ones."""
    try:
        return getattr(place, name)
    except RuntimeError:
        return False


def _fastest(device: torch.device) -> tuple[str, str]:
    """The fastest precision, and why it is."""
    if device.type == "cuda":
        is_ampere = torch.cuda.get_device_capability(device) >= AMPERE
        return ("bfloat16", "it multiplies it") if is_ampere else ("float32", "this GPU does not multiply bfloat16")
    if device.type != "cpu":
        return "float32", "nothing faster is known of such a device"
    features = _cpu_features(CPU_INFO)
    if AMX in features:
        return "bfloat16", "this processor has AMX"
    if AVX512 in features:
        return "float32", "this processor has AVX512-BF16 and no AMX, so bfloat16 gains nothing"
    return "float32", "this processor does not multiply bfloat16, as far as it says"


@cache
def _cpu_features(cpu_info: str) -> frozenset[str]:
    try:
        with open(cpu_info, encoding="utf-8") as information:
            flags = [line for line in information if line.startswith("flags")]
    except OSError:  # not Linux
        return frozenset()
    return frozenset(feature for line in flags for feature in line.split())
