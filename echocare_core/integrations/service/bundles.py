"""What the service says of the models it serves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echocare_core.bundle import read_json, read_metadata

TOLD = ("version", "name", "task", "description", "intended_use", "caution", "needs", "label_classes", "plausible")


def describe_bundle(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle for `GET /bundles`.

    Args:
        folder: of the bundle.
        about: what its process says of how results are made, with the checksum of the weights.

    Returns:
        Its name, what its metadata say of it, `labels` and `outputs` of the network, and whether it writes DICOM.
    """
    metadata = read_metadata(folder)
    network = metadata.get("network_data_format", {})
    outputs = network.get("outputs", {})
    return {
        "bundle": folder.name,
        **{name: metadata[name] for name in TOLD if name in metadata},
        "labels": read_json(folder / "configs" / "inference.json").get("label_names"),
        "outputs": {name: output.get("channel_def", {}) for name, output in outputs.items()},
        "writes_dicom": "dicom" in read_json(folder / "configs" / "inference.json"),
        **about,
    }
