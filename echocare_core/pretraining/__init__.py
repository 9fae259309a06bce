"""How the encoder learns: the organ tree, the data, the losses, the stages and the training itself."""

from echocare_core.pretraining.assembly import checked_mix, described, export_encoder, order_of, trained
from echocare_core.pretraining.distribute import distributed_network, moving_average
from echocare_core.pretraining.evaluation import Evaluation
from echocare_core.pretraining.images import PretrainingImages, collate
from echocare_core.pretraining.mix import read_mix
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.pictures import ReconstructionPictures
from echocare_core.pretraining.progress import Progress, SetAside
from echocare_core.pretraining.resume import ExactCheckpoints
from echocare_core.pretraining.sampler import StreamSampler
from echocare_core.pretraining.stages import Stages
from echocare_core.pretraining.trainer import PretrainingTrainer
from echocare_core.pretraining.tree import read_tree

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
    "moving_average",
    "order_of",
    "read_mix",
    "read_tree",
    "trained",
]
