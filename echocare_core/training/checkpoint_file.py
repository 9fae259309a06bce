"""Checkpoint files of every training: their names, and reading and writing them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from echocare_core.atomic import replacing
from echocare_core.errors import TrainingError

LATEST, BEST = "latest.pt", "best.pt"


def write_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint in one step, in place of a former one; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        torch.save(state, unfinished)


def read_checkpoint(path: Path, needed: Collection[str], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint, without running any code that stands in it.

    Args:
        path: of the file.
        needed: entries that it must have.
        device: where its tensors go.

    Raises:
        TrainingError: not there, not a checkpoint, or one of another kind of training, without those entries.
    """
    if not path.is_file():
        raise TrainingError(f"No checkpoint at {path}; needed the {path.name} of a training. Check output_dir.")
    try:
        state = dict(torch.load(path, map_location=device, weights_only=True))
    except Exception as error:  # whatever a damaged file makes torch.load raise
        raise TrainingError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); needed one that this package wrote. Take "
            f"it away to start anew."
        ) from error
    missing = sorted(set(needed) - set(state))
    if missing:
        raise TrainingError(
            f"{path} is a checkpoint of another kind of training: it lacks {', '.join(missing)}; needed all of "
            f"{', '.join(sorted(needed))}. Choose another output_dir."
        )
    return state
