"""Tensors to features: the encoder and its weight files."""

from echocare_core.models.echocare import EchoCare
from echocare_core.models.encoder import Encoder, build_encoder
from echocare_core.models.profiles import PROFILES, EncoderProfile
from echocare_core.models.segmentation_decoder import (
    SegmentationDecoder,
    load_segmentation_decoder,
    load_structure_classifier,
    save_segmentation_decoder,
)
from echocare_core.models.weights import EMBEDDED, load_encoder, save_encoder, starting_encoder

__all__ = [
    "EMBEDDED",
    "PROFILES",
    "EchoCare",
    "Encoder",
    "EncoderProfile",
    "SegmentationDecoder",
    "build_encoder",
    "load_encoder",
    "load_segmentation_decoder",
    "load_structure_classifier",
    "save_encoder",
    "save_segmentation_decoder",
    "starting_encoder",
]
