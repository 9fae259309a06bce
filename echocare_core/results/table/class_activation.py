"""A class activation map in the results: a grey picture, bright where the evidence for the class is strong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echocare_core.result_files import ACTIVATIONS
from echocare_core.results.naming import safe_path
from echocare_core.results.table.place import Entries, Place
from echocare_core.types import ClassActivation

NOT_SEEN, NONE, STRONGEST = 0, 1, 255  # grey levels
ACTIVATION_FILE = "_activation_file"  # how its column ends, after the name of the question


def activation_fault(activation: ClassActivation, image_px: tuple[int, int] | None) -> str | None:
    """What is wrong with a map, in words; None where nothing is."""
    evidence = activation.evidence
    if not np.issubdtype(evidence.dtype, np.floating) or evidence.ndim != 2:
        return f"evidence {evidence.dtype} {evidence.shape}; needed float32 (height, width)"
    if image_px is not None and evidence.shape != image_px:
        height, width = evidence.shape
        return f"{height}x{width} px for a frame of {image_px[0]}x{image_px[1]} px; needed the same size"
    return None


def write_activation(activation: ClassActivation, place: Place) -> Entries:
    """Write the map beside the table; the table names it."""
    picture = Image.fromarray(grey_levels(activation.evidence))
    path = place.save_picture(picture, ACTIVATIONS, f"_{safe_path(activation.name)}")
    return Entries(files={f"{activation.name}{ACTIVATION_FILE}": path})


def grey_levels(evidence: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Evidence (height, width) for a class as grey levels, uint8.

    0 is where the network did not look, 1 no evidence for the class, and 255 the strongest of that picture, in
    proportion between them.
    """
    strength = np.fmax(evidence, 0)  # 0 where it is nan
    strongest = float(strength.max(initial=0)) or 1.0
    levels = np.rint(NONE + (STRONGEST - NONE) * strength / strongest)
    return np.where(np.isnan(evidence), NOT_SEEN, levels).astype(np.uint8)


def evidence_of(levels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What `grey_levels` says of evidence: 0 for none, 1 for the strongest, nan where the network did not look."""
    return np.where(levels == NOT_SEEN, np.nan, (levels - float(NONE)) / (STRONGEST - NONE))
