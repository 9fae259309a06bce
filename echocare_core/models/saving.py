"""Weights and checkpoints into files, whole or not at all, and in the words of a disk where it takes no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from echocare_core.atomic import replacing
from echocare_core.disk import explained
from echocare_core.errors import causes


def save_state(state: Mapping[str, Any], path: Path, what: str = "the weights") -> None:
    """Write what `torch.save` takes, in place of a former file, in one step; its folder is made if need be.

    Args:
        state: name -> tensor, or whatever else is to be kept.
        path: of the file.
        what: it is, for the message.

    Raises:
        OutputError: the disk is full, or does not take it for another reason; a former file stays as it was.
    """
    with explained(path.parent, what):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            try:
                torch.save(state, unfinished)
            except RuntimeError:  # PyTorch does not say why a disk refuses
                _save_through_python(state, unfinished)


def _save_through_python(state: Mapping[str, Any], path: Path) -> None:
    """`torch.save`, with the OSError of a disk that refuses."""
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:  # PyTorch ends its archive even then
        raise next((cause for cause in causes(error) if isinstance(cause, OSError)), error) from None
