"""Trainings that go on exactly where they stopped: in the middle of an epoch and of a stage, to the bit.

Data order, masks and views are pure functions of the step, so a checkpoint holds the network, the teacher, the
optimiser and the number of steps; schedule, sampler and mining follow from that.
"""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from echocare_core.disk import explained
from echocare_core.distributed import all_reduce_max, rank, world_size
from echocare_core.errors import SettingsError, TrainingError
from echocare_core.lock import FolderLock
from echocare_core.parent import end_with_parent
from echocare_core.pretraining.settings import describe_training
from echocare_core.pretraining.trainer import PretrainingTrainer
from echocare_core.training.checkpoint_file import (
    LATEST,
    check_same_settings,
    check_unfinished,
    fitting,
    read_checkpoint,
    write_checkpoint,
)

logger = logging.getLogger(__name__)
ENTRIES = ("steps", "settings", "network", "optimizer", "teacher", "random")
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
ALL_WEIGHTS = StateDictOptions(full_state_dict=True)
SOME_STATES = StateDictOptions(full_state_dict=True, strict=False)  # heads that no stage has used have none


class ExactCheckpoints:
    """Ignite handler: writes `latest.pt` while a training runs, and goes on from it at the next start.

    Process 0 alone writes, in one step. SIGTERM ends the run after the step in hand, with a last checkpoint and the
    exit code 143. The checkpoint is the same whether the network is bare, in DistributedDataParallel or in FSDP. It
    holds the settings of the training too (`describe_training`): a run with others does not go on from it.

    Args:
        folder: of the run; made if need be.
        every: steps between checkpoints.

    Raises:
        TrainingError: at the start, a checkpoint of a run with other settings, which it names, an unreadable one, or
            nothing to train.
        OutputError: at the start, a folder that another run has.
    """

    def __init__(self, folder: str, *, every: int) -> None:
        if every < 1:
            raise SettingsError(f"Checkpoints every {every} steps; needed 1 or more. Change checkpoint_every.")
        self.path, self.every = Path(folder) / LATEST, every
        self.settings: dict[str, str] = {}
        self.asked_to_stop = False
        self.written_at = -1
        self.former: Any = signal.SIG_DFL
        self.lock: FolderLock | None = None

    def attach(self, engine: PretrainingTrainer) -> None:
        """Called by MONAI's trainer for each of its handlers."""
        engine.add_event_handler(Events.STARTED, self.restore)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.after_step)
        engine.add_event_handler(Events.COMPLETED, self.save)
        engine.add_event_handler(Events.COMPLETED, self.leave)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.leave)

    def restore(self, engine: PretrainingTrainer) -> None:
        """Take the folder, and go on after the last saved step, if there is one; from now on SIGTERM is answered."""
        self.former = signal.signal(signal.SIGTERM, self._stop)
        if rank() == 0:
            with explained(self.path.parent, "the training"):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.lock = FolderLock(self.path.parent, "the training")
        self.settings = describe_training(engine)
        state = self._read(engine) if self.path.is_file() else None
        self._check_same_start(0 if state is None else state["steps"], engine.state.device)
        if state is None:
            return
        with fitting(self.path):
            set_model_state_dict(engine.network, state["network"], options=ALL_WEIGHTS)
            _restore_optimizer(engine.network, engine.optimizer, state["optimizer"])
            if engine.teacher is not None:
                set_model_state_dict(engine.teacher, state["teacher"], options=ALL_WEIGHTS)
            torch.set_rng_state(state["random"])
        engine.state.iteration = self.written_at = state["steps"]
        engine.data_loader.batch_sampler.start_step = state["steps"]
        engine.state.epoch = state["steps"] // engine.state.epoch_length
        logger.info("Going on after step %d of %d (%s)", state["steps"], engine.state.epoch_length, self.path)

    def leave(self, engine: Engine, error: BaseException | None = None) -> None:
        """Let another run have the folder; SIGTERM means again what it meant before the training."""
        signal.signal(signal.SIGTERM, self.former)
        if self.lock is not None:
            self.lock.release()
        if error is not None:
            raise error

    @staticmethod
    def _check_same_start(steps: int, device: torch.device) -> None:
        both_ends = all_reduce_max(torch.tensor([steps, -steps], device=device))
        if int(both_ends.sum()):
            raise TrainingError(
                f"The processes would begin after steps {-int(both_ends[1])} to {int(both_ends[0])}; needed one step. "
                f"Put output_dir where all machines can read it."
            )

    def after_step(self, engine: PretrainingTrainer) -> None:
        """Write a checkpoint when it is time; after SIGTERM to any process, write one and stop all of them."""
        stop = self.asked_to_stop
        if world_size() > 1:
            stop = bool(all_reduce_max(torch.tensor(float(stop), device=engine.state.device)))
        if stop or engine.state.iteration % self.every == 0:
            self.save(engine)
        if stop and engine.state.iteration < engine.state.epoch_length:
            logger.warning("Asked to stop: step %d is saved; start again to go on.", engine.state.iteration)
            engine.told_to_end = True
            engine.terminate()

    def save(self, engine: PretrainingTrainer) -> None:
        """Replace the former checkpoint in one step."""
        if self.written_at == engine.state.iteration:
            return
        state = {
            "steps": engine.state.iteration,
            "settings": self.settings,
            "network": get_model_state_dict(engine.network, options=WHOLE),
            "optimizer": get_optimizer_state_dict(engine.network, engine.optimizer, options=WHOLE),
            "teacher": None if engine.teacher is None else get_model_state_dict(engine.teacher, options=WHOLE),
            "random": torch.get_rng_state(),
        }
        self.written_at = engine.state.iteration
        if rank() == 0:
            write_checkpoint(state, self.path)

    def _read(self, engine: PretrainingTrainer) -> dict[str, Any]:
        state = read_checkpoint(self.path, ENTRIES)
        with fitting(self.path):
            check_same_settings(self.path, state["settings"], self.settings)
            check_unfinished(self.path, state["steps"], engine.state.epoch_length, "step")
        return state

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop = True


def _restore_optimizer(network: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the optimiser; what no stage has used so far has no state, as in the run that was interrupted."""
    if not state["state"]:  # an optimiser that keeps none
        return
    set_optimizer_state_dict(network, optimizer, state, options=SOME_STATES)
    for name, parameter in network.named_parameters():
        if name.removeprefix("module.") not in state["state"]:
            optimizer.state.pop(parameter, None)


def begin_worker(worker: int) -> None:
    """For the workers of a data loader: the training ends them after its last checkpoint, or by its own end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_with_parent()
