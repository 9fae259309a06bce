"""Networks run by OpenVINO on a CPU: compiled once per image size, which takes seconds, then called."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from echocare_core.engines.export import traced
from echocare_core.engines.made_from import read_note
from echocare_core.errors import EngineError, SettingsError
from echocare_core.models.precision import chosen_precision
from echocare_core.optional import import_without_telemetry

SIZES_KEPT = 8
HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoNetwork(nn.Module):
    """A network that OpenVINO runs on the CPU, called like the network it was made from.

    Called with float (batch, 3, height, width) it returns what that network does, in float32: a tensor, or a list of
    them where it has several outputs. Images go through one by one, so that a last, smaller batch needs no compiling of
    its own; the first call with another size compiles for it, and the last sizes stay compiled. An `.xml` takes only
    the size it was made for.

    Args:
        source: the network, of which a copy is taken, or the `.xml` of an OpenVINO model, as `quantize_network` writes.
        image_size: (height, width) in pixels to compile for at once; at the first call when None.
        precision: "float32", "bfloat16" or "auto", in which the network computes; int8 layers stay int8.
        threads: cores to use; all when None.

    Attributes:
        note: what an `.xml` says that it was made from (`made_from`).

    Raises:
        EngineError: OpenVINO is not installed, or `source` is no file it can read.
        SettingsError: an unknown precision; at a call, an image that is not finite or of a size that is not taken.
    """

    def __init__(
        self,
        source: nn.Module | str | Path,
        image_size: tuple[int, int] | None = None,
        *,
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__()
        self._core = import_without_telemetry("openvino").Core()
        self._settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": HINTS[chosen_precision(precision, "cpu")],
        }
        if threads:
            self._settings["INFERENCE_NUM_THREADS"] = threads
        self._network: tuple[nn.Module, ...] = ()
        self._model: Any = None
        if isinstance(source, nn.Module):
            self._network = (copy.deepcopy(source).eval().cpu(),)  # in a tuple, so that it is no part of this module
        else:
            self._model = _read(self._core, Path(source))
        self.note = {} if self._model is None else read_note(self._model)
        self._compiled: dict[tuple[int, ...], Any] = {}
        if image_size:
            self._request((1, 3, *image_size))

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Run the network; see the class."""
        if image.ndim != 4 or len(image) == 0 or not torch.isfinite(image).all():
            raise SettingsError(
                f"Image batch of shape {tuple(image.shape)}; needed finite numbers (batch, 3, height, width) in "
                f"[0, 1]. Look at the preprocessing."
            )
        request = self._request((1, *image.shape[1:]))
        pixels = image.detach().to("cpu", torch.float32).contiguous().numpy()
        outputs = [
            [output.copy() for output in request.infer([pixels[number : number + 1]], share_inputs=True).to_tuple()]
            for number in range(len(pixels))
        ]
        batches = [torch.from_numpy(np.concatenate(parts)).to(image.device) for parts in zip(*outputs, strict=True)]
        return batches[0] if len(batches) == 1 else batches

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._compiled:
            model = converted(self._network[0], torch.zeros(shape)) if self._network else self._model
            made_for = tuple(model.input(0).shape)
            if made_for != shape:
                raise SettingsError(
                    f"Image of shape {shape[1:]}; this OpenVINO model was made for {made_for[1:]}. Resize the image, "
                    f"or write the model anew from images of that size."
                )
            if len(self._compiled) == SIZES_KEPT:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[shape] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        return self._compiled[shape]


def converted(network: nn.Module, image: Tensor) -> Any:
    """A network as an `openvino.Model` for image batches of one shape.

    Of the ways there, TorchScript gives the graph in which OpenVINO finds most attention blocks.

    Args:
        network: on the CPU, in evaluation mode.
        image: a batch (batch, 3, height, width) of that shape.
    """
    ov = import_without_telemetry("openvino")
    return ov.convert_model(traced(_InTuple(network), image), input=[tuple(image.shape)])


class _InTuple(nn.Module):
    """A network whose several outputs stand in a tuple, which TorchScript records and a list it does not."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        output = self.network(image)
        return output if isinstance(output, Tensor) else tuple(output)


def _read(core: Any, path: Path) -> Any:
    if not path.is_file():
        raise EngineError(f"No OpenVINO model at {path}; needed an .xml file with its .bin beside it. Check the path.")
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise EngineError(
            f"{path.name} cannot be read by OpenVINO; needed an .xml file with its .bin beside it. Write it again."
        ) from error
