"""A network with its weights, in the engine and the precision that a configuration names."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import nn

from echocare_core.checksum import sha256_of
from echocare_core.distributed import find_device
from echocare_core.engines.made_from import check_made_from, files_of_model
from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.errors import EngineError, SettingsError
from echocare_core.models.memory import explained_memory
from echocare_core.models.precision import InPrecision, chosen_precision, explain_precision
from echocare_core.models.weights import load_network
from echocare_core.types import Ran

ENGINES = ("torch", "openvino")
_log = logging.getLogger(__name__)


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
        precision: "float32", "tf32" on GPUs, "bfloat16", or "auto", the fastest of the device; results are float32.
        image_size: (height, width) in pixels that OpenVINO compiles for at once; at the first call when None.
        engine_file: `.xml` of `quantize_network` that OpenVINO runs in place of the weights, which are checked anyway.

    Returns:
        A module in evaluation mode, called as the network is. Its attribute `ran` says what runs it, for the record
        of how a result was made.

    Raises:
        WeightsError: no weight file, or not of this network or bundle; see `load_network`.
        SettingsError: an unknown engine or precision, or an `engine_file` for PyTorch.
        EngineError: OpenVINO is not installed, cannot read `engine_file`, or is asked to run on something else than
            the CPU; an `engine_file` that was made from another bundle or other weights.
        DeviceMemoryError: the memory of the device does not hold the network.
    """
    if engine not in ENGINES:
        raise SettingsError(f"Unknown engine '{engine}'; needed one of {', '.join(ENGINES)}.")
    device = find_device(device)
    if engine == "openvino" and device.type != "cpu":
        raise EngineError(f"OpenVINO runs on the CPU, not on {device}; set device to cpu, or engine to torch.")
    chosen = chosen_precision(precision, device)
    _log.info("Inference: %s.", explain_precision(precision, device))
    if engine == "torch" and engine_file:
        raise SettingsError(f"{Path(engine_file).name} is for OpenVINO, and engine is torch; set engine to openvino.")
    with explained_memory(device):
        network = load_network(network, weights, device)
    files = {Path(weights).name: sha256_of(Path(weights))}
    if engine == "torch":
        plain = device.type != "cuda" and chosen == "float32"
        loaded: nn.Module = network if plain else InPrecision(network, chosen)
    else:
        loaded = OpenVinoNetwork(engine_file or network, image_size, precision=chosen)
    if engine_file and isinstance(loaded, OpenVinoNetwork):
        check_made_from(Path(engine_file), loaded.note, network)
        files = {**files_of_model(Path(engine_file)), **files}
        chosen = f"int8, else {chosen}" if loaded.note.get("numbers") == "int8" else chosen
    loaded.ran = Ran(engine, chosen, _named(device), files)  # type: ignore[assignment]
    return loaded.eval()


def _named(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
