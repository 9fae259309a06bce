"""The training itself, on MONAI's and ignite's engine: one iteration is one step of the optimiser."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from monai.engines import Trainer
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from echocare_core.distributed import all_reduce_sum, stop_distributed, world_size
from echocare_core.errors import SettingsError
from echocare_core.models.echocare import EchoCare
from echocare_core.models.memory import explained_memory
from echocare_core.models.precision import explain_precision, float32_products
from echocare_core.pretraining.compiled import begin_step, compile_network
from echocare_core.pretraining.data.on_device import DeviceLoader
from echocare_core.pretraining.networks import update_ema
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.stages import Stages
from echocare_core.training.finite import check_finite
from echocare_core.training.schedule import warn_of_warmup

logger = logging.getLogger(__name__)
TENSORS = ("image", "inside_sector", "pixel_label", "node", "group", "position")


class PretrainingTrainer(Trainer):
    """Trains the joint model through its stages.

    The run is one epoch of as many iterations as the stages have steps. `engine.state.output` holds numbers: the loss,
    each term and its weight, the learning rate, the stage, the norm of the gradient, images per second.
    `engine.state.step_loss` holds the views and outputs of the last micro-batch, for pictures.

    Args:
        device: where the network is.
        network: `EchoCare`, or DistributedDataParallel or FSDP around it.
        objective: the loss.
        stages: what happens when.
        optimizer: of the network's parameters; a group keeps the ratio of its rate to the peak, see
            `build_parameter_groups`.
        data_loader: batches for every step of the stages; see `StreamSampler`.
        peak_learning_rate: after the warm-up.
        warmup_steps: linear warm-up of the learning rate.
        accumulation_steps: gradient accumulation: equal parts of a batch that go through one after the other before
            the optimiser's step, which sees their mean gradient; images are contrasted within their part.
        clip_norm: greatest norm of the gradient.
        teacher: moving average of the network, for patch mining and distillation; None where no stage needs it.
        momentum: of the teacher's moving average at the first step and at the last; with 1 it stays as it is.
        compile: compile network and teacher (`compile_network`), which takes time at the start of each stage.
        handlers: ignite's and MONAI's.

    Attributes:
        bare_network: `EchoCare` itself; under FSDP with sharded weights.
        told_to_end: whether SIGTERM ended it before its last step (`ExactCheckpoints`).

    Raises:
        SettingsError: batches that cannot be cut into equal parts, stages that do not fit the network, or one that
            cannot be compiled.
        TrainingError: while it runs, a loss or gradient that is not finite; the message names the files of the batch.
        DeviceMemoryError: while it runs, a batch that the memory of the device does not hold.
    """

    def __init__(
        self,
        *,
        device: torch.device,
        network: nn.Module,
        objective: Objective,
        stages: Stages,
        optimizer: torch.optim.Optimizer,
        data_loader: DataLoader | DeviceLoader,
        peak_learning_rate: float,
        warmup_steps: int,
        accumulation_steps: int,
        clip_norm: float,
        momentum: tuple[float, float],
        teacher: nn.Module | None = None,
        compile: bool = False,
        handlers: Sequence[Any] = (),
    ) -> None:
        bare: Any = getattr(network, "module", network)  # of DistributedDataParallel
        self.bare_network: EchoCare = bare
        stages.check_fit(self.bare_network.encoder.profile, self.bare_network.place_maps)
        for stage in stages.stages:
            self.bare_network.check_heads(objective.without_unlabelled(stage.heads))
            if stage.batch_size % (world_size() * accumulation_steps):
                raise SettingsError(
                    f"Stage '{stage.name}' has batches of {stage.batch_size} images; needed a multiple of "
                    f"{world_size() * accumulation_steps}, for {world_size()} processes with {accumulation_steps} "
                    f"accumulation_steps each. Change batch_size."
                )
        self.network, self.teacher = network, teacher
        self.objective, self.stages, self.optimizer = objective, stages, optimizer
        self.peak_learning_rate, self.warmup_steps = peak_learning_rate, warmup_steps
        self.accumulation_steps, self.clip_norm, self.momentum = accumulation_steps, clip_norm, momentum
        self._factors = [group["lr"] / peak_learning_rate for group in optimizer.param_groups]
        self.compiled = compile
        for one in (self.bare_network, teacher) if compile else ():
            if one is not None:
                compile_network(one, graphs=2 * len(stages.stages), device=device)  # a teacher is asked for two things
        self.finished_at = time.perf_counter()
        self.told_to_end = False
        warn_of_warmup(logger, warmup_steps, len(stages))
        super().__init__(
            device=device,
            max_epochs=1,
            data_loader=data_loader,
            epoch_length=len(stages),
            decollate=False,
            handlers=handlers,
        )
        self.logger.info("Training: %s.", explain_precision(objective.precision, device))

    def run(self) -> None:
        """Train; for the errors see the class.

        Raises:
            SystemExit: SIGTERM ended it, with the exit code of a process that this signal ends: it is not finished.
        """
        super().run()
        if self.told_to_end:
            stop_distributed()  # MONAI finalises no run that ends so
            raise SystemExit(128 + signal.SIGTERM)

    def _iteration(self, engine: Any, batch: Mapping[str, Any]) -> dict[str, float]:
        device = self.state.device
        with explained_memory(device, batch), float32_products(self.objective.precision, device):
            return self._step(engine, batch)

    def _step(self, engine: Any, batch: Mapping[str, Any]) -> dict[str, float]:
        step = engine.state.iteration - 1
        point = self.stages.at(step)
        rate = self.stages.learning_rate(step, self.peak_learning_rate, self.warmup_steps)
        for group, factor in zip(self.optimizer.param_groups, self._factors, strict=True):
            group["lr"] = rate * factor
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        if self.compiled:
            engine.state.step_loss = None
            begin_step()
        terms: dict[str, Tensor] = {}
        for part, last in self._micro_batches(batch):
            with contextlib.nullcontext() if last else self._unsynchronised():
                result = self.objective(self.network, self.teacher, part, point)
                (result.loss * (world_size() / self.accumulation_steps)).backward()
            for name, term in result.terms.items():
                terms[name] = terms.get(name, 0) + term / self.accumulation_steps
        sums = all_reduce_sum(torch.stack(list(terms.values())))
        gradient_norm = _whole(nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm))
        *values, norm = torch.cat([sums, gradient_norm[None]]).tolist()  # the one time that a step waits for a GPU
        numbers = dict(zip(terms, values, strict=True))
        loss = sum(point.ramps[name] * number for name, number in numbers.items())
        check_finite({"loss": loss, "norm of the gradient": norm}, step + 1, batch["name"])
        self.optimizer.step()
        if self.teacher is not None:
            along = step / max(1, len(self.stages) - 1)
            update_ema(self.teacher, self.network, self.momentum[0] + (self.momentum[1] - self.momentum[0]) * along)
        engine.state.step_loss = result
        return {
            "loss": loss,
            **numbers,
            **{f"weight_{name}": point.ramps[name] for name in numbers},
            **{name: point.ramps[name] for name in ("hard_share", "area") if name in point.ramps},
            "learning_rate": rate,
            "stage": point.number,
            "gradient_norm": norm,
            "images_per_second": self._images_per_second(point.stage.batch_size),
        }

    def _micro_batches(self, batch: Mapping[str, Any]) -> Iterator[tuple[dict[str, Tensor], bool]]:
        cut = {name: batch[name].to(self.state.device).chunk(self.accumulation_steps) for name in TENSORS}
        for number in range(len(cut["image"])):
            yield {name: pieces[number] for name, pieces in cut.items()}, number == len(cut["image"]) - 1

    def _unsynchronised(self) -> Any:
        """DistributedDataParallel keeps gradients in their process up to the last micro-batch; FSDP adds each up."""
        if isinstance(self.network, DistributedDataParallel):
            return self.network.no_sync()
        return contextlib.nullcontext()

    def _images_per_second(self, images: int) -> float:
        now = time.perf_counter()
        elapsed, self.finished_at = now - self.finished_at, now
        return images / elapsed


def _whole(norm: Tensor) -> Tensor:
    """A norm; of sharded gradients, over all shards."""
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
