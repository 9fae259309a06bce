"""Frames to tensors: MONAI transforms, upright from the file to the network."""

from echocare_core.transforms.beams import NoteBeamsd
from echocare_core.transforms.clips import EvenClip, SlidingClips, WindowClip
from echocare_core.transforms.crop import CropToScanRegiond
from echocare_core.transforms.export_dataset import ExportDataset
from echocare_core.transforms.load import LoadUltrasound, LoadUltrasoundd
from echocare_core.transforms.mask import LoadMaskd
from echocare_core.transforms.neighbours import ComposeWithNeighbours
from echocare_core.transforms.prepare import PrepareLooksd, PrepareScand

__all__ = [
    "ComposeWithNeighbours",
    "CropToScanRegiond",
    "EvenClip",
    "ExportDataset",
    "LoadMaskd",
    "LoadUltrasound",
    "LoadUltrasoundd",
    "NoteBeamsd",
    "PrepareLooksd",
    "PrepareScand",
    "SlidingClips",
    "WindowClip",
]
