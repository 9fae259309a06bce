"""The network of a bundle: its weights, its shapes, and that it can be exported."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ckpt_export, verify_net_in_out

from echocare_core.bundle import read_json
from echocare_core.checks.configurations import read_configuration
from echocare_core.checks.files import CARD, INFERENCE, WEIGHTS
from echocare_core.checks.finding import Note
from echocare_core.models.weight_file import read_state_dict
from echocare_core.models.weights import load_strictly
from echocare_core.workflow import as_literal

NETWORK = "network_def"
ATOL = 1e-4  # of outputs, between a network and its export


def check_weights(folder: Path) -> Iterator[str]:
    """The weights are a plain, finite state dict of exactly what the network has: nothing missing, nothing over."""
    state = read_state_dict(folder / WEIGHTS)
    if state.keys() != torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True).keys():
        yield f"{WEIGHTS} wraps the state dict, which MONAI loads bare; save network.state_dict() itself."
    load_strictly(read_configuration(folder, INFERENCE).get_parsed_content(NETWORK), state, Path(WEIGHTS).name)


def check_shapes(folder: Path) -> Iterator[str]:
    """The network takes and gives what network_data_format says."""
    try:
        verify_net_in_out(NETWORK, device="cpu", **_files(folder))
    except (ValueError, RuntimeError) as error:
        yield f"{str(error).splitlines()[0].rstrip('.')}; make network_def and network_data_format agree."


def check_torchscript(folder: Path) -> Iterator[str]:
    """The network exports to TorchScript with equal outputs, unless the card says why not (`no_torchscript`)."""
    reason = read_json(folder / CARD).get("no_torchscript")
    if reason:
        yield Note(f"The card excludes the export: {reason}")
        return
    # its own check of a trace would run the network twice more
    converter = {"verify": True, "rtol": 0.0, "atol": ATOL, "check_trace": False}
    _export(folder, use_trace=True, converter_kwargs=converter)


def check_scripting(folder: Path) -> Iterator[str]:
    """The Model Zoo scripts networks instead of tracing them, unless a bundle is on its list of exclusions."""
    reason = read_json(folder / CARD).get("no_scripting")
    if reason:
        yield Note(f"The card excludes it ({reason}): ask for {folder.name} in exclude_verify_torchscript_list.")
        return
    try:
        _export(folder)
    except Exception as error:  # noqa: BLE001  (TorchScript raises whatever it meets)
        first, *_ = str(error).strip().splitlines() or [type(error).__name__]
        fault = f"The network cannot be scripted ({first.rstrip(' :.')})"
        yield f"{fault}; make it so, or say in {CARD} why not: no_scripting."


def _export(folder: Path, **how: Any) -> None:
    with tempfile.TemporaryDirectory() as exported:
        ckpt_export(
            NETWORK,
            filepath=str(Path(exported) / "model.ts"),
            ckpt_file=str(folder / WEIGHTS),
            **how,
            **_files(folder),
        )


def _files(folder: Path) -> dict[str, Any]:
    return {
        "meta_file": str(folder / "configs" / "metadata.json"),
        "config_file": str(folder / INFERENCE),
        "bundle_root": as_literal(str(folder)),
    }
