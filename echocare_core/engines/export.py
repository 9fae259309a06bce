"""Networks into files that other programs run: ONNX, PyTorch's exported programs, TorchScript.

Each file says which bundle and weights it was made from (`made_from`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from echocare_core.atomic import replacing
from echocare_core.engines.made_from import NOTE, NOTE_FILE, note_of
from echocare_core.errors import EngineError, SettingsError
from echocare_core.models.encoder import Encoder
from echocare_core.optional import check_installed

IMAGE = "image"  # name of the input
EXAMPLE_BATCH = 2  # a batch of one would be recorded as one for ever


def export_onnx(network: nn.Module, path: str | Path, image_size: tuple[int, int], *, dynamic: bool = True) -> None:
    """Write a network as ONNX: float32, input `image` (batch, 3, height, width) in [0, 1].

    Outputs are `map1` to `map5` for an encoder, finest first, and `logits` for anything else.

    Args:
        network: an encoder or a network around one, in any mode; it is left as it was.
        path: `.onnx` file to write, whole or not at all.
        image_size: (height, width) in pixels to record with; where `dynamic`, the size the file is checked at.
        dynamic: leave batch, height and width open. Both sides must then be multiples of `size_step(network)` and at
            least `least_side(network)`: smaller ones are not refused by the file, and come out wrong. Else only the
            batch is open.

    Raises:
        EngineError: onnx or onnxscript is not installed.
        SettingsError: `dynamic`, and `image_size` is no size of that kind.
    """
    check_installed("onnx", "onnxscript", subject="An ONNX file", error=EngineError)
    example = _example(network, image_size)
    shapes = (_open_shapes(network, image_size) if dynamic else {0: torch.export.Dim("batch", min=1)},)
    outputs = [f"map{number}" for number in range(1, 6)] if isinstance(network, Encoder) else ["logits"]
    with _recorded(network) as plain, replacing(Path(path)) as unfinished:
        program = torch.onnx.export(
            plain,
            (example,),
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=[IMAGE],
            output_names=outputs,
            verbose=False,
        )
        program.model.metadata_props[NOTE] = note_of(network)  # type: ignore[union-attr]
        program.save(unfinished, external_data=False)  # type: ignore[union-attr]


def export_program(network: nn.Module, path: str | Path, image_size: tuple[int, int]) -> None:
    """Write a network as an exported program (`.pt2`), for `torch.export.load(path).module()` and AOTInductor.

    Args:
        network: an encoder or a network around one, in any mode; it is left as it was.
        path: file to write, whole or not at all.
        image_size: (height, width) in pixels, the only one it takes; any batch.
    """
    with _recorded(network) as plain, replacing(Path(path)) as unfinished:
        program = torch.export.export(
            plain, (_example(network, image_size),), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)
        )
        whole = program.run_decompositions({})  # without the wrappers that save refuses
        torch.export.save(whole, unfinished, extra_files={NOTE_FILE: note_of(network)})


def export_torchscript(network: nn.Module, path: str | Path, image_size: tuple[int, int]) -> None:
    """Write a network as traced TorchScript, for `torch.jit.load`, as MONAI Deploy does.

    Args:
        network: an encoder or a network around one, in any mode; it is left as it was.
        path: file to write, whole or not at all.
        image_size: (height, width) in pixels, the only one it takes; any batch.
    """
    with _recorded(network) as plain, replacing(Path(path)) as unfinished:
        script = traced(plain, _example(network, image_size))
        torch.jit.save(script, str(unfinished), _extra_files={NOTE_FILE: note_of(network)})


def traced(network: nn.Module, image: Tensor) -> torch.jit.ScriptModule:
    """A network, in evaluation mode, as TorchScript recorded with an image batch; without gradients."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sizes become constants, which is meant
        # strict would refuse the list of an encoder's maps; the check would run the network twice more
        return torch.jit.trace(network, image, check_trace=False, strict=False)


def size_step(network: nn.Module) -> int:
    """Pixels of which both sides of an image are multiples in a recording with open sizes."""
    return _encoder(network).profile.strides[-1]


def least_side(network: nn.Module) -> int:
    """Pixels of the shortest side in a recording with open sizes: no map in it is smaller than a window.

    The smallest map that meets attention is the last but one.
    """
    profile = _encoder(network).profile
    needed_px, step = profile.strides[-2] * profile.window_size, profile.strides[-1]
    return -(-needed_px // step) * step


def _open_shapes(network: nn.Module, image_size: tuple[int, int]) -> dict[int, object]:
    step, least = size_step(network), least_side(network)
    if any(side % step or side < least for side in image_size):
        raise SettingsError(
            f"Cannot record open sizes with an image of {image_size[0]}x{image_size[1]} px; needed sides that are "
            f"multiples of {step} px, and at least {least} px. Name such a size, or record one size with dynamic=False."
        )
    rows, columns = (torch.export.Dim(name, min=least // step) for name in ("rows", "columns"))
    return {0: torch.export.Dim("batch", min=1), 2: step * rows, 3: step * columns}


def _encoder(network: nn.Module) -> Encoder:
    for module in network.modules():
        if isinstance(module, Encoder):
            return module
    raise SettingsError(f"{type(network).__name__} has no encoder of this package; needed one to know its sizes.")


def _example(network: nn.Module, image_size: tuple[int, int]) -> Tensor:
    parameter = next(network.parameters())
    return torch.rand(EXAMPLE_BATCH, 3, *image_size, device=parameter.device)


@contextmanager
def _recorded(network: nn.Module) -> Iterator[nn.Module]:
    """The network in evaluation mode and without gradients, in silence; its mode comes back afterwards."""
    modes = {module: module.training for module in network.modules()}
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield network.eval()
    finally:
        logging.disable(level)
        for module, mode in modes.items():
            module.training = mode
