"""A network with its weights, in the engine and the precision that a configuration names."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from echocare_core.distributed import find_device
from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.errors import EngineError, SettingsError
from echocare_core.models.precision import InBFloat16, chosen_precision
from echocare_core.models.weights import load_network

ENGINES = ("torch", "openvino")


def load_engine(
    network: nn.Module,
    weights: str | Path,
    device: str | torch.device = "cpu",
    engine: str = "torch",
    precision: str = "auto",
    image_size: tuple[int, int] | None = None,
    engine_file: str | Path | None = None,
) -> nn.Module:
    """Load a network's weights strictly, and give back something to call that runs it.

    Args:
        network: the network, with any weights.
        weights: state dict of exactly this network, in any float precision.
        device: where to compute.
        engine: "torch", or "openvino" for CPUs, with the same numbers.
        precision: "float32", "bfloat16", or "auto", the fastest of the device; results are float32.
        image_size: (height, width) in pixels that OpenVINO compiles for at once; at the first call when None.
        engine_file: `.xml` of `quantize_network` that OpenVINO runs in place of the weights, which are checked anyway.

    Returns:
        A module in evaluation mode, called as the network is.

    Raises:
        WeightsError: no weight file, or not of this network; the message names the keys.
        SettingsError: an unknown engine or precision, or an `engine_file` for PyTorch.
        EngineError: OpenVINO is not installed, cannot read `engine_file`, or is asked to run on something else than
            the CPU.
    """
    if engine not in ENGINES:
        raise SettingsError(f"Unknown engine '{engine}'; needed one of {', '.join(ENGINES)}.")
    device = find_device(device)
    if engine == "openvino" and device.type != "cpu":
        raise EngineError(f"OpenVINO runs on the CPU, not on {device}; set device to cpu, or engine to torch.")
    precision = chosen_precision(precision, device)
    if engine == "torch" and engine_file:
        raise SettingsError(f"{Path(engine_file).name} is for OpenVINO, and engine is torch; set engine to openvino.")
    network = load_network(network, weights, device)
    if engine == "openvino":
        return OpenVinoNetwork(engine_file or network, image_size, precision=precision).eval()
    return InBFloat16(network).eval() if precision == "bfloat16" else network
