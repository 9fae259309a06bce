"""The ignite and MONAI wiring that every bundle would otherwise copy."""

from echocare_core.models.weights import load_network
from echocare_core.training.checkpoints import Checkpoints
from echocare_core.training.dataset import TableDataset
from echocare_core.training.engines import build_predictor, build_trainer, build_validator
from echocare_core.training.inferer import FlipInferer, PrecisionInferer
from echocare_core.training.network import place_network
from echocare_core.training.parameter_groups import build_parameter_groups
from echocare_core.training.schedule import warmup_cosine
from echocare_core.training.weights import export_network

__all__ = [
    "Checkpoints",
    "FlipInferer",
    "PrecisionInferer",
    "TableDataset",
    "build_parameter_groups",
    "build_predictor",
    "build_trainer",
    "build_validator",
    "export_network",
    "load_network",
    "place_network",
    "warmup_cosine",
]
