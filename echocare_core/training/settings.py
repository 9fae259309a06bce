"""What a training and the checkpoint that it goes on from must have in common, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

OF_THE_STEP = ("params", "lr", "initial_lr")


def describe_training(
    *,
    bundle: Mapping[str, str],
    loss: nn.Module | Any,
    optimizer: Optimizer,
    warmup_steps: int,
    precision: str | None,
    training: Any,
    validation: Any,
) -> dict[str, str]:
    """Everything that decides what an epoch of a training learns, by name, but for the size of its batches.

    Args:
        bundle: name and version.
        loss: (output, label) -> loss.
        optimizer: with the peaks of its learning rates as `initial_lr`.
        warmup_steps: of the learning rate.
        precision: that the network computes in; None where the inferer does not say.
        training, validation: data sets (`describe_images`).
    """
    groups = optimizer.param_groups
    others = [{name: value for name, value in group.items() if name not in OF_THE_STEP} for group in groups]
    settings = {
        "bundle": " ".join(bundle.values()),
        "loss": loss,
        "optimiser": (type(optimizer).__name__, *others),
        "learning rate": [group.get("initial_lr", group["lr"]) for group in groups],
        "warm-up": f"{warmup_steps} steps",
        "precision": precision,
        "training images": describe_images(training),
        "validation images": describe_images(validation),
    }
    return {name: str(value) for name, value in settings.items()}


def describe_images(dataset: Any) -> str:
    """How many images a data set has, which, and of what size, without the folder they lie in.

    Args:
        dataset: with `data`, a list of mappings; files in them count by their names and sizes.
    """
    rows = sorted(json.dumps(_described(item), sort_keys=True) for item in getattr(dataset, "data", ()))
    print_of_rows = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
    cached: Sequence[Any] = getattr(dataset, "_cache", ())
    shape = tuple(getattr(cached[0].get("image"), "shape", ())) if cached and isinstance(cached[0], Mapping) else ()
    return f"{len(dataset)} of {'x'.join(map(str, shape[1:])) or 'any'} px (rows {print_of_rows})"


def _described(item: Any) -> dict[str, str]:
    if not isinstance(item, Mapping):
        return {}
    return {str(name): _text(value) for name, value in item.items() if isinstance(value, (str, int, float, Path))}


def _text(value: Any) -> str:
    path = Path(value) if isinstance(value, (str, Path)) and value else None
    try:
        return f"{path.name} {path.stat().st_size}" if path is not None and path.is_file() else str(value)
    except (OSError, ValueError):  # a text that can be no path
        return str(value)
