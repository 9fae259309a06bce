"""A network in whole numbers of eight bits, their ranges measured on real images."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from echocare_core.atomic import replacing
from echocare_core.checksum import sha256_of
from echocare_core.engines.made_from import NOTE, note_of
from echocare_core.engines.openvino import converted
from echocare_core.errors import EngineError, SettingsError
from echocare_core.optional import check_installed, import_without_telemetry

SUFFIX = ".xml"


def quantize_network(
    network: nn.Module,
    images: Iterable[Tensor],
    path: str | Path,
) -> None:
    """Write a network as an OpenVINO model with int8 weights and activations, for `OpenVinoNetwork(path)`.

    Post-training quantisation (NNCF), nothing is trained. Attention keeps its softmax and normalisations in floats.
    Weights use half the range of int8: processors without VNNI add products of 8 bits in 16, which overflow otherwise,
    and a file is not bound to the processor that it was made on. The file says which bundle and weights it was made
    from; `load_engine` runs it under no other.

    Args:
        network: on any device, in any mode; it is left as it is.
        images: float (batch, 3, height, width) as the network meets them, all of one size: some tens to some hundreds
            of real frames. All of them are used.
        path: `.xml` file to write; the `.bin` with the weights lands beside it.

    Raises:
        EngineError: OpenVINO or NNCF is not installed.
        SettingsError: no image, images of several sizes, or a path that is no `.xml`.
    """
    check_installed("openvino", "nncf", subject="Quantisation", error=EngineError)
    path = Path(path)
    if path.suffix != SUFFIX:
        raise SettingsError(f"{path.name} does not end in {SUFFIX}; needed for an OpenVINO model. Name it so.")
    frames = [frame for batch in images for frame in batch.detach().to("cpu", torch.float32).split(1)]
    sizes = sorted({tuple(frame.shape[1:]) for frame in frames})
    if len(sizes) != 1:
        found = ", ".join(map(str, sizes)) or "none"
        raise SettingsError(f"Images of sizes {found}; needed some of one size (3, height, width). Resize them.")
    nncf = import_without_telemetry("nncf")
    model = nncf.quantize(
        converted(copy.deepcopy(network).eval().cpu(), frames[0]),
        nncf.Dataset(frames, lambda frame: frame.numpy()),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(frames),
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )
    _write(model, path, network)


def _write(model: Any, path: Path, network: nn.Module) -> None:
    """Write both files beside their place, the weights first, then move them there."""
    openvino = import_without_telemetry("openvino")
    with replacing(path) as unfinished, replacing(path.with_suffix(".bin")) as numbers:
        written = unfinished.with_suffix(".bin")  # where OpenVINO writes the weights
        openvino.save_model(model, unfinished, compress_to_fp16=False)
        model.set_rt_info(note_of(network, "int8", sha256_of(written)), [NOTE])
        openvino.save_model(model, unfinished, compress_to_fp16=False)  # once more, with the checksum of its numbers
        if written != numbers:  # another process writes the same model
            written.replace(numbers)
