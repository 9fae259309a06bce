"""The folder that a MONAI Label server runs from: an app of one line, and copies of bundles that it may train."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from echocare_core.atomic import ENTERED_BY_OWNER, replacing
from echocare_core.bundle import find_bundle, mask_labels, read_identity, read_json, read_metadata
from echocare_core.disk import explained
from echocare_core.errors import BundleError

MODELS = "model"  # where MONAI Label looks for bundles
SENDS = "sends_masks"  # entry of the server's conf: "true" where finished masks go to the PACS
MAIN = "from echocare_core.integrations.label.app import EchoCareLabel as EchoCareLabel\n"
INFERENCE, TRAINING = Path("configs", "inference.json"), Path("configs", "train.json")
ANSWER = "echocare_core.integrations.label.answer.SaveImageForLabeld"
MASKS, BOXES = "segmentation", "boxes"  # formats of what a network gives, in a bundle's metadata
EDGES = 4  # numbers of a box, which stand before those of the classes
NOT_COPIED = ("eval", "runs", "__pycache__")


def make_app(app: Path, bundles: Sequence[str | Path]) -> list[Path]:
    """Make the folder, or add to it what it lacks.

    A bundle that is there stays as it is, for a training may have changed its weights; the bundle that it was copied
    from is never written to.

    Args:
        app: the folder; new, or of an earlier server.
        bundles: names or folders.

    Returns:
        The copies, in the order of the bundles.

    Raises:
        BundleError: no such bundle, two of one name, or one that MONAI Label cannot use.
        OutputError: the folder cannot be written.
    """
    sources = [find_bundle(bundle) for bundle in bundles]
    for source in sources:
        check_suitable(source)
    names = [read_identity(source)["name"] for source in sources]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BundleError(f"Two of the bundles are called {min(twice)}; needed different ones. Leave one out.")
    with explained(app, "the MONAI Label app"):
        (app / MODELS).mkdir(mode=ENTERED_BY_OWNER, parents=True, exist_ok=True)
        app.chmod(ENTERED_BY_OWNER)
        with replacing(app / "main.py") as unfinished:
            unfinished.write_text(MAIN, encoding="utf-8")
        return [_copy(source, app / MODELS / name) for source, name in zip(sources, names, strict=True)]


def check_suitable(bundle: Path) -> None:
    """Check that MONAI Label can show what a bundle gives: masks or boxes, finished for it by its own configuration.

    Args:
        bundle: its folder.

    Raises:
        BundleError: it gives something else, or lacks the finishing transform.
    """
    name = bundle.name
    if not labels_to_draw(bundle):
        raise BundleError(
            f"{name} gives no masks and no boxes, and these are what MONAI Label's viewers draw and train on; needed a "
            f"bundle for segmentation or detection. Leave it out, and use `echocare predict {name}`."
        )
    postprocessing = read_json(bundle / INFERENCE).get("postprocessing", {})
    transforms = postprocessing.get("transforms", []) if isinstance(postprocessing, dict) else []
    if not (transforms and isinstance(transforms[-1], dict) and transforms[-1].get("_target_") == ANSWER):
        raise BundleError(
            f"{name} does not end its postprocessing with {ANSWER}, without which MONAI Label cannot write its masks. "
            "Add it as the last transform of configs/inference.json."
        )


def gives_masks(bundle: Path) -> bool:
    """Whether a bundle outlines what it finds."""
    return _first_output(bundle).get("format") == MASKS


def labels_to_draw(bundle: Path) -> dict[int, str]:
    """Value and name of each label that a bundle draws in MONAI Label: of its masks, or of its boxes, filled.

    Raises:
        BundleError: metadata that cannot be read.
    """
    named = mask_labels(bundle)
    if gives_masks(bundle):
        return named
    is_box = _first_output(bundle).get("format") == BOXES
    return {value - EDGES + 1: name for value, name in named.items() if is_box and value >= EDGES}


def _first_output(bundle: Path) -> dict[str, Any]:
    outputs = read_metadata(bundle).get("network_data_format", {}).get("outputs", {})
    return next(iter(outputs.values()), {})


def _copy(source: Path, copy: Path) -> Path:
    """Copy a bundle, whole or not at all."""
    if (copy / INFERENCE).is_file():
        return copy
    unfinished = copy.with_name(f".echocare-{copy.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, ignore=shutil.ignore_patterns(*NOT_COPIED))
    shutil.rmtree(copy, ignore_errors=True)  # what is no bundle
    unfinished.rename(copy)
    return copy
