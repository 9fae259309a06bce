"""How the encoder learns: the organ tree, the data, the losses, the stages and the training itself.

Public names are found when they are asked for: the tree, the data order and the shards need neither PyTorch nor MONAI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from echocare_core.pretraining.assembly import checked_mix, described, export_encoder, order_of, trained
    from echocare_core.pretraining.data.images import PretrainingImages, collate
    from echocare_core.pretraining.data.mix import read_mix
    from echocare_core.pretraining.data.sampler import StreamSampler
    from echocare_core.pretraining.distribute import distributed_network, moving_average
    from echocare_core.pretraining.evaluation import Evaluation
    from echocare_core.pretraining.objective import Objective
    from echocare_core.pretraining.organs.tree import read_tree
    from echocare_core.pretraining.pictures import ReconstructionPictures
    from echocare_core.pretraining.progress import Progress, SetAside
    from echocare_core.pretraining.resume import ExactCheckpoints, ignore_sigterm
    from echocare_core.pretraining.stages import Stages
    from echocare_core.pretraining.trainer import PretrainingTrainer

_HOMES = {
    "Evaluation": "evaluation",
    "ExactCheckpoints": "resume",
    "Objective": "objective",
    "PretrainingImages": "data.images",
    "PretrainingTrainer": "trainer",
    "Progress": "progress",
    "ReconstructionPictures": "pictures",
    "SetAside": "progress",
    "Stages": "stages",
    "StreamSampler": "data.sampler",
    "checked_mix": "assembly",
    "collate": "data.images",
    "described": "assembly",
    "distributed_network": "distribute",
    "export_encoder": "assembly",
    "ignore_sigterm": "resume",
    "moving_average": "distribute",
    "order_of": "assembly",
    "read_mix": "data.mix",
    "read_tree": "organs.tree",
    "trained": "assembly",
}

__all__ = [
    "Evaluation",
    "ExactCheckpoints",
    "Objective",
    "PretrainingImages",
    "PretrainingTrainer",
    "Progress",
    "ReconstructionPictures",
    "SetAside",
    "Stages",
    "StreamSampler",
    "checked_mix",
    "collate",
    "described",
    "distributed_network",
    "export_encoder",
    "ignore_sigterm",
    "moving_average",
    "order_of",
    "read_mix",
    "read_tree",
    "trained",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
