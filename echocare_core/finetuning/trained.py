"""What a fine-tuning trained, and what it kept of that, in a file beside the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from echocare_core.atomic import replacing
from echocare_core.training.parameter_groups import Learning


class Trained(NamedTuple):
    """What it trained, and what it kept.

    Attributes:
        share: of the start in the weights that were kept, from 0 to 1.
        tuning: mode in which the encoder learned (`echocare_core.models.tuning.Tuning`).
        learning: how many parameters learned.
    """

    share: float
    tuning: str
    learning: Learning

    def __str__(self) -> str:
        return f"Tuning {self.tuning}: {self.learning} learned."


def write_trained(path: Path, trained: Trained, metrics: Mapping[float, float]) -> None:
    """Write it, with the key metric on `val` of each share that was tried; the file says that all this is done."""
    entries = {**trained._asdict(), "learning": trained.learning._asdict(), "val": metrics}
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(entries) + "\n", encoding="utf-8")


def read_trained(path: Path) -> Trained:
    """Read what `write_trained` wrote."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return Trained(float(entries["share"]), str(entries["tuning"]), Learning(**entries["learning"]))
