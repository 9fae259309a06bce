"""Drawn masks stored as arrays of numbers, as 3D Slicer and MONAI Label save them: NIfTI, NRRD and MetaImage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import TableError, UnreadableFrames
from echocare_core.frames.read import read_frames
from echocare_core.frames.volume.metaimage import looks_like_metaimage
from echocare_core.frames.volume.nifti import looks_like_nifti
from echocare_core.frames.volume.nrrd import looks_like_nrrd
from echocare_core.frames.volume.pixels import DAMAGE, VolumePixels


def looks_like_volume(head: bytes) -> bool:
    """Whether a file that begins with these bytes (1024 at least) holds such an array."""
    return looks_like_nifti(head) or looks_like_nrrd(head) or looks_like_metaimage(head)


def volume_mask_size(path: str) -> tuple[int, int]:
    """(height, width) of a mask, upright; TableError where its header cannot be read."""
    return _open(path).size


def number_of_masks(path: str) -> int:
    """How many frames such a file holds masks of; TableError where its header cannot be read."""
    return len(_open(path))


def read_volume_mask(path: str, frame: int) -> NDArray[Any]:
    """Read the numbers of a mask as they are stored, upright.

    Args:
        path: the file; its first axis is columns, its second rows, its third, where it is longer than one, frames. What
            it says about the patient's axes is not used, as of its image.
        frame: 0-based number; not used where the file holds one mask.

    Returns:
        Whole numbers (height, width).

    Raises:
        TableError: it cannot be read, holds fractions or colours, or no mask of that frame.
    """
    pixels = _open(path)
    if 1 < len(pixels) <= frame:
        raise TableError(f"Mask {path} has {len(pixels)} frames; number {frame}, counted from 0, is asked for.")
    try:
        plane = pixels.plane(frame if len(pixels) > 1 else 0)
    except DAMAGE as fault:
        raise TableError(f"Mask {path} is damaged or cut short. Save it again.") from fault
    if plane.ndim != 2 or not (np.mod(plane, 1) == 0).all():
        raise TableError(f"Mask {path} holds colours or fractions; needed label numbers. Save it as a label map.")
    return plane.T.astype(np.int64) if plane.dtype.kind == "f" else plane.T


def _open(path: str) -> VolumePixels:
    try:
        pixels = read_frames(Path(path)).pixels
    except UnreadableFrames as fault:
        raise TableError(f"Mask {path} {fault.reason}") from fault
    if not isinstance(pixels, VolumePixels):
        raise TableError(f"Mask {path} holds no array of numbers; needed label numbers. Save it as a label map.")
    return pixels
