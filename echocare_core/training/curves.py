"""What a training tells of itself while it runs: loss and validation, as text, as a table, as a picture, for
TensorBoard."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from ignite.handlers import ProgressBar
from torch import Tensor

from echocare_core.atomic import replacing
from echocare_core.disk import explained
from echocare_core.distributed import all_reduce_sum, rank
from echocare_core.training.picture import Curve, draw_curves

TABLE, PICTURE = "curves.csv", "curves.png"
COLUMNS = ("epoch", "step", "loss", "learning_rate")


class Curves:
    """Ignite handler: after each epoch a line of its mean loss and key metric, and how long the rest takes at most.

    The line goes to the console, to `curves.csv`, to `curves.png` and to TensorBoard, which gets the loss of each step
    as well. List it after the validation and before the checkpoints, which keep it (`state_dict`), so that a training
    that goes on goes on with its curves. The loss is the mean over all processes; the first one alone writes.

    Args:
        folder: of the run, which is there once the training has started.
        validator: the engine that validates.
    """

    def __init__(self, folder: str | Path, validator: Engine) -> None:
        self.folder, self.validator = Path(folder), validator
        self.epochs: list[dict[str, float]] = []
        self.losses: list[Tensor] = []
        self.rate = 0.0  # of the last step
        self.metrics: dict[str, float] = {}
        self.tensorboard: Any = None
        self.begun = (0.0, 0)  # when this run's first epoch began, and which epochs were done by then

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        if rank() == 0:  # before the others, so that its line has ended when theirs begins
            ProgressBar(persist=True).attach(engine, output_transform=lambda output: {"loss": output["loss"].item()})
        engine.add_event_handler(Events.EPOCH_STARTED, self.note_start)
        engine.add_event_handler(Events.ITERATION_STARTED, self.note_rate)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.add_step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.add_epoch)
        engine.add_event_handler(Events.COMPLETED, self.close)
        self.validator.add_event_handler(Events.COMPLETED, self.add_metrics)

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the epochs of a checkpoint."""
        self.epochs = [dict(epoch) for epoch in state["epochs"]]

    @property
    def step(self) -> int:
        """Steps so far, those with other batches before an interruption counted in."""
        return int(self.epochs[-1]["step"] if self.epochs else 0) + len(self.losses)

    def note_start(self, engine: Engine) -> None:
        """Note when this run's first epoch begins."""
        if not self.begun[0]:
            self.begun = (time.monotonic(), engine.state.epoch - 1)

    def note_rate(self, engine: Engine) -> None:
        """Note the learning rate that a step uses: the schedule sets the next one when it is done."""
        self.rate = float(engine.optimizer.param_groups[0]["lr"])

    def add_step(self, engine: Engine) -> None:
        """Note the loss of a step."""
        self.losses.append(engine.state.output["loss"].detach())
        if rank() == 0:
            self._show("loss", float(self.losses[-1]), self.step)

    def add_metrics(self, engine: Engine) -> None:
        """Note the key metric of a validation."""
        name = engine.state.key_metric_name
        self.metrics = {name: float(engine.state.metrics[name])} if name else {}

    def add_epoch(self, engine: Engine) -> None:
        """Note the epoch, and show all of them."""
        loss, count = all_reduce_sum(
            torch.stack([torch.stack(self.losses).sum(), self.losses[0].new_tensor(len(self.losses))])
        )
        found = (engine.state.epoch, self.step, float(loss / count), self.rate)
        self.epochs.append({**dict(zip(COLUMNS, found, strict=True)), **self.metrics})
        if rank() == 0:
            for name, number in self.metrics.items():
                self._show(name, number, engine.state.epoch)
            epoch, epochs = engine.state.epoch, engine.state.max_epochs
            engine.logger.info("Epoch %d of %d: %s%s", epoch, epochs, self._sentence(), self._left(epoch, epochs))
            write_curves(self.epochs, COLUMNS, self._drawn(), self.folder)
        self.losses, self.metrics = [], {}

    def close(self, engine: Engine) -> None:
        """Leave TensorBoard's file."""
        if self.tensorboard is not None:
            self.tensorboard.close()

    def _sentence(self) -> str:
        last = self.epochs[-1]
        shown = [f"{name} {last[name]:.4f}" for name in self._drawn() if name in last]
        best = self.validator.state
        known = f" (best {best.best_metric:.4f}, epoch {best.best_metric_epoch})" if best.best_metric_epoch > 0 else ""
        return ", ".join(shown) + known

    def _left(self, epoch: int, epochs: int) -> str:
        """How long the epochs to come take at most: a handler may end the training before."""
        since, done = self.begun
        seconds = (time.monotonic() - since) / max(1, epoch - done) * (epochs - epoch)
        return f"; {duration_text(seconds)} left at most" if epoch < epochs else ""

    def _drawn(self) -> list[str]:
        return ["loss", *dict.fromkeys(name for epoch in self.epochs for name in epoch if name not in COLUMNS)]

    def _show(self, name: str, value: float, place: int) -> None:
        if self.tensorboard is None:
            from torch.utils.tensorboard import SummaryWriter

            self.tensorboard = SummaryWriter(str(self.folder))
        self.tensorboard.add_scalar(name, value, place)


def duration_text(seconds: float) -> str:
    """Such as "40 s", "12 min" or "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def write_curves(
    rows: Sequence[Mapping[str, float]], columns: Sequence[str], drawn: Sequence[str], folder: Path
) -> None:
    """Write rows as a table, and draw some of their columns over the first.

    Raises:
        OutputError: the disk does not take them.
    """
    with explained(folder, "the curves"):
        write_table(rows, columns, folder / TABLE)
        write_picture(rows, drawn, columns[0], folder / PICTURE)


def write_table(rows: Sequence[Mapping[str, float]], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV: `columns`, then what else they have; an empty cell where a row lacks it."""
    names = [*columns, *dict.fromkeys(name for row in rows for name in row if name not in columns)]
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, names, restval="")
        table.writeheader()
        table.writerows(rows)


def write_picture(rows: Sequence[Mapping[str, float]], drawn: Sequence[str], unit: str, path: Path) -> None:
    """Draw some columns of rows over the column `unit`."""
    places = [row[unit] for row in rows]
    curves = [Curve(name, places, [row.get(name, math.nan) for row in rows]) for name in drawn]
    with replacing(path) as unfinished:
        draw_curves(curves, unit).save(unfinished, format="PNG")
