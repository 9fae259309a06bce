"""What a run and the checkpoint that it goes on from must have in common, in words."""

from __future__ import annotations

from torch import nn

from echocare_core.models.echocare import EchoCare
from echocare_core.models.profiles import describe
from echocare_core.origin import find_running
from echocare_core.pretraining.trainer import PretrainingTrainer


def describe_training(trainer: PretrainingTrainer) -> dict[str, str]:
    """Everything that decides what a step of a training does, by name; runs in any number of processes agree on it.

    Args:
        trainer: of a data loader with `PretrainingImages` and a `StreamSampler`.
    """
    objective, dataset = trainer.objective, trainer.data_loader.dataset
    mix, optimizer = dataset.mix, trainer.optimizer
    sources = zip(mix.sources, mix.weights, strict=True)
    sets = [(source.name, len(source), weight, source.fingerprint()) for source, weight in sources]
    stages = list(enumerate(trainer.stages.stages, start=1))
    running = find_running()
    defaults = {name: value for name, value in optimizer.defaults.items() if name != "lr"}
    settings = {
        "bundle": "none" if running is None else running.identity["name"],
        "encoder": describe_network(trainer.bare_network),
        "organ tree": objective.tree.fingerprint,
        "seed": objective.seed,
        "seed of the order": trainer.data_loader.batch_sampler.order.seed,
        "number of stages": len(trainer.stages.stages),
        **{f"{name} of stage {number}": value for number, stage in stages for name, value in vars(stage).items()},
        "picture_size": dataset.size,
        "data sets": sets,
        "pixel labels": objective.pixel_tree.fingerprint,
        "optimiser": (type(optimizer).__name__, defaults),
        "learning rate": (trainer.peak_learning_rate, trainer.warmup_steps),
        "gradient": (trainer.clip_norm, trainer.accumulation_steps),
        "momentum of the teacher": tuple(trainer.momentum),
        "precision": objective.precision,
        **{f"{name} of the views": value for name, value in vars(objective.settings).items()},
        "contrast": (objective.contrast, objective.temperature, objective.level_weights.tolist()),
        "places": (objective.places_per_image, trainer.bare_network.place_maps),
        "reconstruction": (objective.target, objective.sector_only),
    }
    return {name: str(value) for name, value in settings.items()}


def describe_network(network: EchoCare) -> str:
    """The numbers of the network's encoder and which heads it has, by which a checkpoint of another is known."""
    heads = [_describe_head(name, head) for name, head in network.named_children() if name != "encoder"]
    return f"{describe(network.encoder.profile)} with {', '.join(heads) or 'no heads'}"


def _describe_head(name: str, head: nn.Module) -> str:
    return f"{name} {type(head).__name__} ({sum(parameter.numel() for parameter in head.parameters())} weights)"
