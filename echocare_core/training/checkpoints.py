"""Trainings that go on after an interruption, and keep their best weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from ignite.engine import Engine, Events

from echocare_core.distributed import rank
from echocare_core.models.identity import name_bundle
from echocare_core.training.checkpoint_file import BEST, LATEST, read_checkpoint, write_checkpoint

PROGRESS = ("epoch", "iteration", "best_metric", "best_metric_epoch", "seconds", "cpu_seconds")


class Stateful(Protocol):
    """Networks, optimisers and schedules."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class Checkpoints:
    """Ignite handler: after each epoch write `latest.pt`; at the start go on from it where it is there.

    `best.pt`, a plain state dict, holds the network of the epoch with the best key metric of the validation. (MONAI's
    CheckpointSaver forgets that metric when a training goes on, and replaces the best weights by the next ones.) List
    the handler after the validation. An epoch that was interrupted is run again from its start, with another shuffling.
    The checkpoint also counts `seconds` and `cpu_seconds` of training.

    Args:
        folder: of the run; made if need be.
        saved: what to keep, by name; `model` is the network.
        bundle: name and version of the bundle that is trained, which both files carry.
        validator: the engine whose best metric decides which weights are kept.
        device: where tensors go when they are read.

    Raises:
        TrainingError: at the start, a `latest.pt` that cannot be read or is of another kind of training.
    """

    def __init__(
        self,
        folder: str,
        saved: dict[str, Stateful],
        bundle: Mapping[str, str],
        validator: Engine,
        device: torch.device,
    ) -> None:
        self.path = Path(folder) / LATEST
        self.best = Path(folder) / BEST
        self.saved = saved
        self.bundle = bundle
        self.validator = validator
        self.device = device
        self.spent = {"seconds": 0.0, "cpu_seconds": 0.0}
        self.started = self._clocks()

    def attach(self, engine: Engine) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.restore)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.save)

    def restore(self, engine: Engine) -> None:
        """Go on after the last whole epoch, if there is one."""
        self.started = self._clocks()
        if not self.path.is_file():
            return
        state = read_checkpoint(self.path, (*self.saved, *PROGRESS), self.device)
        for name, holder in self.saved.items():
            holder.load_state_dict(state[name])
        engine.state.epoch = state["epoch"]
        engine.state.iteration = state["iteration"]
        self.spent = {clock: state[clock] for clock in self.spent}
        self.validator.state.best_metric = state["best_metric"]
        self.validator.state.best_metric_epoch = state["best_metric_epoch"]
        engine.logger.info("Going on after epoch %d of %s", state["epoch"], self.path)
        if state["epoch"] >= engine.state.max_epochs:
            engine.logger.warning(
                "Nothing to train: %s has all %d epochs. For another training choose another --output_dir.",
                self.path,
                state["epoch"],
            )

    def save(self, engine: Engine) -> None:
        """Replace the former files, each in one step; of several processes only the first writes."""
        if rank() > 0:
            return
        state: dict[str, Any] = {name: holder.state_dict() for name, holder in self.saved.items()}
        state["model"] = name_bundle(state["model"], self.bundle)
        state["epoch"] = engine.state.epoch
        state["iteration"] = engine.state.iteration
        state["best_metric"] = float(self.validator.state.best_metric)
        state["best_metric_epoch"] = self.validator.state.best_metric_epoch
        for clock, now in self._clocks().items():
            state[clock] = self.spent[clock] + now - self.started[clock]
        if state["best_metric_epoch"] == engine.state.epoch:
            write_checkpoint(state["model"], self.best)
        write_checkpoint(state, self.path)

    @staticmethod
    def _clocks() -> dict[str, float]:
        return {"seconds": time.monotonic(), "cpu_seconds": time.process_time()}
