"""The ignite and MONAI wiring that every bundle would otherwise copy."""

from echocare_core.training.checkpoints import Checkpoints
from echocare_core.training.evaluation import EvaluateSegmentation
from echocare_core.training.inferer import BFloat16Inferer, MirrorInferer
from echocare_core.training.schedule import warmup_cosine
from echocare_core.training.weights import export_network, load_network

__all__ = [
    "BFloat16Inferer",
    "Checkpoints",
    "EvaluateSegmentation",
    "MirrorInferer",
    "export_network",
    "load_network",
    "warmup_cosine",
]
