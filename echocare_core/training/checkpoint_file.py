"""Checkpoint files of every training: their names, reading and writing them, and what they must have in common with a
run that goes on from them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from echocare_core.counting import counted, first_ten
from echocare_core.errors import TrainingError
from echocare_core.models.saving import save_state
from echocare_core.models.weight_file import check_archive

LATEST, BEST = "latest.pt", "best.pt"
WITHOUT = {  # what a training does without one of them
    LATEST: f"Take it away to start anew, at the first epoch or step; a {BEST} beside it is kept under another name.",
    BEST: f"Take it away to go on after the last whole epoch; the best of the epochs to come becomes {BEST} then.",
}


def write_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint in one step, in place of a former one (`save_state`)."""
    save_state(state, path, "the checkpoint")


def read_checkpoint(path: Path, needed: Collection[str], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint, without running any code that stands in it.

    Args:
        path: of the file.
        needed: entries that it must have.
        device: where its tensors go.

    Raises:
        TrainingError: not there, not a checkpoint, damaged, or one of another kind of training, without those entries.
    """
    if not path.is_file():
        raise TrainingError(f"No checkpoint at {path}; needed the {path.name} of a training. Check output_dir.")
    state = read_whole(path, device)
    missing = sorted(set(needed) - set(state))
    if missing:
        raise TrainingError(
            f"{path} is a checkpoint of another kind of training: it lacks {', '.join(missing)}; needed all of "
            f"{', '.join(sorted(needed))}. Choose another output_dir."
        )
    return dict(state)


def read_whole(path: Path, device: torch.device | str = "cpu") -> Mapping[str, Any]:
    """What `torch.save` wrote by name, every byte of it as it was written.

    Raises:
        TrainingError: it is damaged, or something else.
    """
    try:
        check_archive(path)
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # whatever a damaged file makes zipfile and torch.load raise
        raise _unreadable(path, type(error).__name__) from error
    if not isinstance(content, Mapping):
        raise _unreadable(path, type(content).__name__)
    return content


def _unreadable(path: Path, found: str) -> TrainingError:
    return TrainingError(
        f"{path} cannot be read as a checkpoint ({found}); needed one that this package wrote, whole. "
        f"{WITHOUT.get(path.name, 'Choose another file.')}"
    )


def check_same_settings(path: Path, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Check that a run may go on from a checkpoint.

    Args:
        path: of the checkpoint, for the message.
        found: its settings, in words, by name.
        wanted: those of the run.

    Raises:
        TrainingError: some differ; it names the first ten.
    """
    other = [
        f"{name} {found.get(name)} instead of {value}" for name, value in wanted.items() if found.get(name) != value
    ]
    if other:
        raise TrainingError(
            f"{path} is of a run with other settings: {first_ten(other)}. Needed the same to go on: "
            f"restore them, or choose another output_dir."
        )


def check_unfinished(path: Path, done: int, wanted: int, unit: str, setting: str = "") -> None:
    """Check that something is left to train.

    Args:
        path: of the checkpoint, for the message.
        done: units that it has behind it.
        wanted: units in all.
        unit: "epoch" or "step".
        setting: that says how many there are, where more of them go on with the same training.

    Raises:
        TrainingError: nothing is left.
    """
    if done >= wanted:
        raise TrainingError(
            f"Nothing to train: {path} has {counted(done, unit)} behind it, and {wanted} are asked for. "
            + (f"Set {setting} above {done} to go on, or choose" if setting else "Choose")
            + " another output_dir for another training."
        )


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Turn what a checkpoint with entries of another kind makes go wrong into a TrainingError."""
    try:
        yield
    except (AttributeError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        said = (str(error).splitlines() or [""])[0]
        raise TrainingError(
            f"{path} does not fit this training ({type(error).__name__}: {said}); needed one of the same network and "
            f"optimiser. Choose another output_dir."
        ) from error
