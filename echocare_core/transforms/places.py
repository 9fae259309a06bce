"""Places in a prepared picture as places in the frame that was loaded, and in the one that the file holds."""

from __future__ import annotations

import math

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from echocare_core.transforms.load import frame_affine


def loaded_places(image: MetaTensor, places_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """Undo what was done to a picture, for places in it: MONAI's transforms keep it as the picture's affine.

    Args:
        image: (channel, height, width) as `LoadUltrasoundd` and transforms after it left it, such as `PrepareScand`.
        places_px: (places, 2), (row, column) in its pixels, where a pixel's centre has whole numbers.

    Returns:
        The same in pixels of the frame that was loaded, inside it or not.
    """
    row_mm, column_mm = (float(side) for side in image.meta["spacing_mm"])
    steps = (1.0, 1.0) if math.isnan(row_mm) else (row_mm, column_mm)
    to_loaded = torch.linalg.inv(frame_affine(*steps, is_clip=False)) @ image.affine.double().cpu()
    places = np.asarray(places_px, float).reshape(-1, 2)
    known = np.column_stack([places, np.zeros(len(places)), np.ones(len(places))])
    loaded: NDArray[np.float64] = (known @ to_loaded.numpy().T)[:, :2]
    return loaded


def recorded_places(image: MetaTensor, places_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """As `loaded_places`, but in pixels of the frame that the file holds, of which a reduced one was loaded."""
    factor = int(image.meta["reduction"])
    return (loaded_places(image, places_px) + 0.5) * factor - 0.5
