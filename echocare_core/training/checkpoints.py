"""Trainings that go on after an interruption, and keep their best weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import torch
from ignite.engine import Engine, Events
from torch.optim.lr_scheduler import LambdaLR

from echocare_core.disk import explained
from echocare_core.distributed import rank
from echocare_core.lock import FolderLock
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.tuning import merged_state
from echocare_core.models.weights import load_strictly
from echocare_core.training.checkpoint_file import (
    BEST,
    LATEST,
    check_same_settings,
    check_unfinished,
    fitting,
    read_checkpoint,
    read_whole,
    write_checkpoint,
)
from echocare_core.training.schedule import go_to_step

PROGRESS = ("epoch", "settings", "images_per_step", "seconds", "cpu_seconds")
NO_BEST = (-1.0, -1)  # what MONAI's evaluator begins with: metric and epoch


class Stateful(Protocol):
    """Optimisers and curves."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class Checkpoints:
    """Ignite handler: after each epoch write `latest.pt`; at the start go on from it where it is there.

    `best.pt`, a plain state dict, holds the network of the epoch with the best key metric of the validation, adapters
    merged (`merged_state`), and says which epoch and metric that was. (MONAI's CheckpointSaver forgets that metric when
    a training goes on, and replaces the best weights by the next ones.) List the handler after the validation. An epoch
    that was interrupted is run again from its start, with another shuffling. The checkpoint also counts `seconds` and
    `cpu_seconds` of training.

    A `best.pt` that is not of the training, as where `latest.pt` was taken away, is kept as `best-1.pt`.

    A run with other settings does not go on from a checkpoint; one with other batches or another number of processes
    does, from the same epoch and learning rate. One run at a time has the folder.

    Args:
        folder: of the run; made if need be.
        network: that is trained, bare.
        saved: what else to keep, by name.
        schedule: of the learning rate; it follows from the number of steps.
        settings: of the training, in words, by name (`describe_training`).
        images_per_step: over all processes.
        bundle: name and version of the bundle that is trained, which both files carry.
        validator: the engine whose best metric decides which weights are kept.
        device: where tensors go when they are read.

    Raises:
        TrainingError: at the start, a `latest.pt` that cannot be read or is of another training, or nothing to train.
        WeightsError: at the start, one of another network.
        OutputError: at the start, a folder that another run has.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        network: torch.nn.Module,
        saved: Mapping[str, Stateful],
        schedule: LambdaLR,
        settings: Mapping[str, str],
        images_per_step: int,
        bundle: Mapping[str, str],
        validator: Engine,
        device: torch.device,
    ) -> None:
        self.folder = Path(folder)
        self.network, self.saved, self.schedule = network, saved, schedule
        self.settings, self.images_per_step, self.bundle = dict(settings), images_per_step, dict(bundle)
        self.validator, self.device = validator, device
        self.kept = NO_BEST  # metric and epoch of best.pt
        self.spent = {"seconds": 0.0, "cpu_seconds": 0.0}
        self.started = self._clocks()
        self.lock: FolderLock | None = None

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)
        engine.add_event_handler(Events.COMPLETED, self.leave)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.leave)

    def start(self, engine: Engine) -> None:
        """Take the folder, and go on after the last whole epoch, if there is one."""
        self.started = self._clocks()
        if rank() == 0:
            with explained(self.folder, "the training"):
                self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = FolderLock(self.folder, "the training")
        path = self.folder / LATEST
        if not path.is_file():
            return
        state = read_checkpoint(path, ("model", *self.saved, *PROGRESS), self.device)
        with fitting(path):
            check_same_settings(path, state["settings"], self.settings)
            check_unfinished(path, state["epoch"], engine.state.max_epochs, "epoch", "max_epochs")
            self._go_on(engine, state)
        before, now = state["images_per_step"], self.images_per_step
        changed = "" if before == now else f", with {now} images a step in place of {before}"
        engine.logger.info("Going on after epoch %d of %s%s", state["epoch"], path, changed)

    def _go_on(self, engine: Engine, state: Mapping[str, Any]) -> None:
        load_strictly(self.network, state["model"], str(self.folder / LATEST))
        for name, holder in self.saved.items():
            holder.load_state_dict(state[name])
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["epoch"] * engine.state.epoch_length
        go_to_step(self.schedule, engine.state.iteration)
        self.spent = {clock: float(state[clock]) for clock in self.spent}
        self.kept = self._read_best(state["epoch"])
        self.validator.state.best_metric, self.validator.state.best_metric_epoch = self.kept

    def save(self, engine: Engine) -> None:
        """Replace the former files, each in one step, the best first; of several processes only the first writes."""
        if rank() > 0:
            return
        best = (float(self.validator.state.best_metric), int(self.validator.state.best_metric_epoch))
        if best != self.kept:
            found = {"metric": str(best[0]), "epoch": str(best[1])}
            if self.kept == NO_BEST:
                self._set_aside(engine)
            write_checkpoint(name_bundle(merged_state(self.network), {**self.bundle, **found}), self.folder / BEST)
            self.kept = best
        spent = {clock: self.spent[clock] + now - self.started[clock] for clock, now in self._clocks().items()}
        state = {
            "model": name_bundle(self.network.state_dict(), self.bundle),
            **{name: holder.state_dict() for name, holder in self.saved.items()},
            "epoch": engine.state.epoch,
            "iteration": engine.state.iteration,
            "settings": self.settings,
            "images_per_step": self.images_per_step,
            **spent,
        }
        write_checkpoint(state, self.folder / LATEST)

    def leave(self, engine: Engine, error: BaseException | None = None) -> None:
        """Let another run have the folder."""
        if self.lock is not None:
            self.lock.release()
        if error is not None:
            raise error

    def _read_best(self, done: int) -> tuple[float, int]:
        """Metric and epoch that `best.pt` says, which may be newer than `latest.pt` after a kill between both.

        One of another bundle, of an epoch that is still to come, or that says nothing is no best of this training.
        """
        path = self.folder / BEST
        found = bundle_of(read_whole(path)) if path.is_file() else {}
        is_own = found.get("name") == self.bundle["name"] and 0 < int(found.get("epoch", 0)) <= done + 1
        return (float(found["metric"]), int(found["epoch"])) if is_own else NO_BEST

    def _set_aside(self, engine: Engine) -> None:
        """Give a `best.pt` that is none of this training's another name, in which nothing replaces it."""
        path = self.folder / BEST
        if not path.is_file():
            return
        free = (path.with_stem(f"{path.stem}-{number}") for number in count(1))
        other = next(name for name in free if not name.exists())
        with explained(self.folder, "the checkpoint"):
            path.rename(other)
        engine.logger.warning("%s is not of this training: it is kept as %s", path, other.name)

    @staticmethod
    def _clocks() -> dict[str, float]:
        return {"seconds": time.monotonic(), "cpu_seconds": time.process_time()}
