"""The ignite and MONAI wiring that every bundle would otherwise copy."""

from echocare_core.training.evaluation import EvaluateSegmentation
from echocare_core.training.inferer import BFloat16Inferer
from echocare_core.training.resume import Resume
from echocare_core.training.schedule import warmup_cosine
from echocare_core.training.weights import export_network, load_network

__all__ = ["BFloat16Inferer", "EvaluateSegmentation", "Resume", "export_network", "load_network", "warmup_cosine"]
