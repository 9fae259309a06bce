"""What an exported or quantised network was made from: its bundle and its very weights, inside its own file.

Every format has a place for such notes, which other programs leave alone: ONNX its `metadata_props`, OpenVINO the
`rt_info` of its model, exported programs and TorchScript their extra files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from echocare_core.checksum import sha256_of
from echocare_core.errors import EngineError
from echocare_core.models.identity import digest_state

NOTE = "echocare"
NOTE_FILE = f"{NOTE}.json"
_FIELDS = ("bundle", "version", "weights", "numbers", "bin_sha256")


def note_of(network: nn.Module, numbers: str = "float32", bin_sha256: str = "") -> str:
    """The note about a network for its file, as JSON.

    Args:
        network: with its weights; `load_network` has noted its bundle.
        numbers: what the file computes with: "float32" or "int8".
        bin_sha256: of the `.bin` of an OpenVINO model, which holds its numbers.
    """
    bundle = getattr(network, "bundle", {})
    said = (bundle.get("name", ""), bundle.get("version", ""), digest_weights(network), numbers, bin_sha256)
    return json.dumps(dict(zip(_FIELDS, said, strict=True)))


def digest_weights(network: nn.Module) -> str:
    """SHA-256 of all numbers of a network, the same in whichever file and float precision they were stored."""
    return digest_state(network.state_dict())


def read_note(model: Any) -> dict[str, str]:
    """The note in a model that OpenVINO has read, also from ONNX; empty where it has none.

    Args:
        model: `openvino.Model`.
    """
    for place in ([NOTE], ["framework", NOTE]):
        if model.has_rt_info(place):
            text = model.get_rt_info(place).astype(str)
            try:
                said = json.loads(text)
            except ValueError:
                return {}
            return {str(key): str(value) for key, value in said.items()} if isinstance(said, Mapping) else {}
    return {}


def check_made_from(path: Path, note: Mapping[str, str], network: nn.Module) -> None:
    """Check that a model file was made from a network, with the weights that it has now.

    Args:
        path: of the model file.
        note: in it.
        network: of the bundle that is running, with its weights.

    Raises:
        EngineError: it names another bundle or other weights, or nothing, or its `.bin` is that of another model.
    """
    needed = getattr(network, "bundle", {}).get("name", "")
    again = "Write it anew with `echocare quantize`."
    if not note.get("weights"):
        raise EngineError(f"{path.name} does not say which weights it was made from; needed one that does. {again}")
    made = " ".join(filter(None, (note.get("bundle"), note.get("version"))))
    if needed and note.get("bundle") and note["bundle"] != needed:
        raise EngineError(f"{path.name} was made from {made}; needed one of {needed}. {again}")
    if note.get("bin_sha256") and files_of_model(path).get(path.with_suffix(".bin").name) != note["bin_sha256"]:
        raise EngineError(f"{path.with_suffix('.bin').name} does not belong to {path.name}; needed its own. {again}")
    if note["weights"] != digest_weights(network):
        raise EngineError(
            f"{path.name} was made from other weights{f' of {made}' if made else ''} than those that are set; needed "
            f"one of the same. Set weights to them, or write it anew with `echocare quantize`."
        )


def files_of_model(path: Path) -> dict[str, str]:
    """Name -> SHA-256 of a model file and of the `.bin` beside it, where it has one."""
    beside = [path.with_suffix(".bin")] if path.suffix == ".xml" else []
    return {file.name: sha256_of(file) for file in (path, *beside) if file.is_file()}
