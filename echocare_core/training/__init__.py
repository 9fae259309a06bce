"""The ignite and MONAI wiring that every bundle would otherwise copy."""

from echocare_core.models.weights import load_network
from echocare_core.training.checkpoints import Checkpoints
from echocare_core.training.inferer import MirrorInferer, PrecisionInferer
from echocare_core.training.schedule import warmup_cosine
from echocare_core.training.weights import export_network

__all__ = [
    "Checkpoints",
    "MirrorInferer",
    "PrecisionInferer",
    "export_network",
    "load_network",
    "warmup_cosine",
]
