"""MONAI's trainer and evaluator with the wiring that every bundle needs, and no more.

A bundle's configuration names the parts: network, loss, data sets, transforms, metrics. What hangs together whatever
the task is put together here: loaders, schedule, validation, checkpoints, and what only the first process shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from ignite.utils import setup_logger
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator, SupervisedTrainer, default_prepare_batch
from monai.handlers import LrScheduleHandler, ValidationHandler
from monai.inferers import Inferer
from torch import nn
from torch.optim import Optimizer

from echocare_core.bundle import read_identity
from echocare_core.distributed import rank, world_size
from echocare_core.models.precision import explain_precision
from echocare_core.training.checkpoints import Checkpoints
from echocare_core.training.curves import Curves
from echocare_core.training.dataset import build_evaluation_loader, build_training_loader
from echocare_core.training.finite import StopAtNotFinite
from echocare_core.training.iterations import PreciseEvaluator, PreciseTrainer
from echocare_core.training.network import bare
from echocare_core.training.numbers import check_whole
from echocare_core.training.parameter_groups import count_learning
from echocare_core.training.predictor import Predictor
from echocare_core.training.schedule import warmup_cosine, warn_of_warmup
from echocare_core.training.settings import describe_training
from echocare_core.training.smoothing import SmoothingInferer, batch_with_neighbours
from echocare_core.transforms.export_dataset import ExportDataset


def build_trainer(
    *,
    network: nn.Module,
    loss: Callable[..., torch.Tensor],
    optimizer: Optimizer,
    dataset: Dataset,
    batch_size: int,
    max_epochs: int,
    warmup_steps: int,
    device: str | torch.device,
    inferer: Inferer,
    validator: SupervisedEvaluator,
    val_interval: int,
    output_dir: str | Path,
    bundle_root: str | Path,
    handlers: Sequence[Any] = (),
    prepare_batch: Callable[..., Any] = default_prepare_batch,
) -> SupervisedTrainer:
    """A training that validates, keeps its best weights, and goes on where it was stopped.

    The learning rate rises for `warmup_steps` and falls along half a cosine to the last step of `max_epochs`
    (`warmup_cosine`), whoever set them. `output_dir` gets `latest.pt` and `best.pt` (`Checkpoints`) and the curves
    (`Curves`). Under `torchrun`, processes share each epoch, and the first one alone shows progress and writes.

    Args:
        network: on its device (`place_network`).
        loss: (output, label) -> loss.
        optimizer: of the network's parameters; its learning rates are the peaks.
        dataset: items with `image` and `label`; all of one size.
        batch_size: images of a step, in each process.
        max_epochs: passes over the data set in all, those before an interruption counted in.
        warmup_steps: steps over which the learning rate rises.
        device: of this process.
        inferer: how the network is called, in which precision.
        validator: the engine that validates; its key metric chooses the best weights.
        val_interval: epochs from one validation to the next.
        output_dir: folder of the run; the same folder goes on.
        bundle_root: folder of the bundle, whose name and version the weights carry.
        handlers: further ones, attached before these.
        prepare_batch: (batch, device) -> image and what the loss gets beside the output.

    Raises:
        SettingsError: a number of epochs, steps or images that cannot be used.
        TrainingError: fewer images than one batch; when it runs, what `Checkpoints` and `StopAtNotFinite` refuse.
    """
    check_whole("max_epochs", max_epochs)
    check_whole("val_interval", val_interval)
    check_whole("warmup_steps", warmup_steps, least=0)
    loader = build_training_loader(dataset, batch_size)
    schedule = warmup_cosine(optimizer, warmup_steps=warmup_steps, steps=max_epochs * len(loader))
    curves = Curves(output_dir, validator)
    bundle = read_identity(Path(bundle_root))
    checkpoints = Checkpoints(
        output_dir,
        network=bare(network),
        saved={"optimizer": optimizer, "curves": curves},
        schedule=schedule,
        settings=describe_training(bundle=bundle, training=dataset, validation=validator.data_loader.dataset),
        images_per_step=batch_size * world_size(),
        bundle=bundle,
        validator=validator,
        device=torch.device(device),
    )  # fmt: skip
    trainer = PreciseTrainer(
        device=device,
        max_epochs=max_epochs,
        train_data_loader=loader,
        network=network,
        optimizer=optimizer,
        loss_function=loss,
        inferer=inferer,
        prepare_batch=prepare_batch,
        decollate=False,
        train_handlers=[
            *handlers,
            StopAtNotFinite(),
            LrScheduleHandler(schedule, epoch_level=False, print_lr=False),
            ValidationHandler(val_interval, validator),
            curves,
            checkpoints,
        ],
    )
    trainer.logger = setup_logger("echocare.training", distributed_rank=rank())
    if hasattr(inferer, "precision"):
        trainer.logger.info("Training: %s.", explain_precision(inferer.precision, device))
    trainer.logger.info("Learning: %s.", count_learning(network, optimizer))
    warn_of_warmup(trainer.logger, warmup_steps, max_epochs * len(loader))
    if val_interval > max_epochs:
        trainer.logger.warning(
            "The first validation would be after epoch %d, and the training has %d: no best.pt is written. Set "
            "val_interval to that at most.", val_interval, max_epochs,
        )  # fmt: skip
    return trainer


def build_validator(
    *,
    network: nn.Module,
    dataset: Dataset,
    batch_size: int,
    device: str | torch.device,
    inferer: Inferer,
    postprocessing: Callable[..., Any],
    key_metric: Mapping[str, Any],
    handlers: Sequence[Any] = (),
) -> SupervisedEvaluator:
    """The validation of a training, whose key metric the training logs.

    Args:
        network, batch_size, device: those of the training.
        dataset: items with `image` and `label`.
        inferer: how the network is called.
        postprocessing: of output and label, for the metric.
        key_metric: one metric by its name; more is better.
        handlers: further ones, attached before these.
    """
    return PreciseEvaluator(
        device=device,
        val_data_loader=build_evaluation_loader(dataset, batch_size),
        network=network,
        inferer=inferer,
        postprocessing=postprocessing,
        key_val_metric=key_metric,
        val_handlers=list(handlers),
    )


def build_predictor(
    *,
    network: nn.Module,
    dataset: Any,
    batch_size: int,
    device: str | torch.device,
    inferer: Inferer,
    postprocessing: Callable[..., Any],
    handlers: Sequence[Any],
) -> SupervisedEvaluator:
    """An inference run over a data set; what becomes of the outputs is up to its handlers.

    Args:
        network: on its device, in evaluation mode.
        dataset: items with `image`, a stream or a list of them; whose probabilities are smoothed over their
            `neighbours`, where they have some (`transforms.ComposeWithNeighbours`).
        batch_size: images that go through the network together.
        device: of the network.
        inferer: how the network is called.
        postprocessing: of each item with its `pred`.
        handlers: what writes, or scores, what comes out.

    Returns:
        The evaluator; of an `ExportDataset`, one that sets aside what fails in the network or what follows it.
    """
    is_export = isinstance(dataset, ExportDataset)
    build = partial(Predictor, dataset=dataset) if is_export else PreciseEvaluator
    return build(
        device=device,
        val_data_loader=DataLoader(dataset, batch_size=check_whole("batch_size", batch_size)),
        network=network,
        inferer=SmoothingInferer(inferer),
        prepare_batch=batch_with_neighbours,
        postprocessing=postprocessing,
        val_handlers=list(handlers),
    )
