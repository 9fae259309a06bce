"""The values that travel between the folders of this package; shapes and units are stated here once."""

from echocare_core.types.origin import Origin, Ran, Setting
from echocare_core.types.outputs import (
    Boxes,
    Embedding,
    Foreign,
    KnownImage,
    Level,
    Mask,
    Measurement,
    OperatingPoint,
    Output,
    Picture,
    Points,
    Prediction,
    Scores,
    Text,
)
from echocare_core.types.results import BundleCard, Code, Codes, Details, Objects, Plausible, Results
from echocare_core.types.scans import Frames, JoinKeys, Region, Scale, SetAside

__all__ = [
    "Boxes",
    "BundleCard",
    "Code",
    "Codes",
    "Details",
    "Embedding",
    "Foreign",
    "Frames",
    "JoinKeys",
    "KnownImage",
    "Level",
    "Mask",
    "Measurement",
    "Objects",
    "OperatingPoint",
    "Origin",
    "Output",
    "Picture",
    "Plausible",
    "Points",
    "Prediction",
    "Ran",
    "Region",
    "Results",
    "Scale",
    "Scores",
    "SetAside",
    "Setting",
    "Text",
]
