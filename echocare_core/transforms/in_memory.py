"""Pictures that stand in memory already, such as those that MONAI Deploy hands from operator to operator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import MetaTensor
from monai.utils import convert_to_numpy
from numpy.typing import NDArray

from echocare_core.errors import UnreadableFrames
from echocare_core.types import Frames, Region

IN_MEMORY = "picture in memory"


def frames_of_pixels(pixels: Any) -> Frames:
    """A picture or cine that stands in memory, as `Frames`.

    Args:
        pixels: array or tensor, 0 to 255, RGB with its channels last, as MONAI Deploy has them: (height, width, 3), or
            (time, height, width, 3). The meta of a MetaTensor may say what a file would: `filename_or_obj`,
            `spacing_mm` (row, column), `scan_box` (top, left, bottom, right) and `frame_times_ms`.

    Raises:
        UnreadableFrames: another shape, or values that are no brightness.
    """
    meta: Mapping[str, Any] = pixels.meta if isinstance(pixels, MetaTensor) else {}
    path = Path(str(meta.get("filename_or_obj") or IN_MEMORY))
    values = np.asarray(convert_to_numpy(pixels))
    if values.ndim not in (3, 4) or values.shape[-1] != 3:
        raise UnreadableFrames(
            path, f"has the shape {values.shape}; needed (height, width, 3) or (time, height, width, 3). Turn it so."
        )
    frames = _bytes(values if values.ndim == 4 else values[None], path)
    size = (frames.shape[1], frames.shape[2])
    spacing_mm = _known(meta.get("spacing_mm"))
    times_ms = meta.get("frame_times_ms")
    region = _region(meta.get("scan_box"), spacing_mm)
    return Frames(
        path,
        list(frames),
        size,
        frame_times_ms=None if times_ms is None else tuple(float(one) for one in times_ms),
        regions=(region,) if region else (),
        spacing_mm=spacing_mm,
        scan_region=0 if region else None,
    )


def _bytes(values: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
        raise UnreadableFrames(path, "holds values outside of 0 to 255; needed brightness. Scale it first.")
    return np.rint(values).astype(np.uint8)


def _known(spacing_mm: Any) -> tuple[float, float] | None:
    if spacing_mm is None:
        return None
    row, column = (float(one) for one in spacing_mm)
    return None if math.isnan(row) or math.isnan(column) else (row, column)


def _region(box: Any, spacing_mm: tuple[float, float] | None) -> Region | None:
    if box is None:
        return None
    top, left, bottom, right = (int(edge) for edge in box)
    return Region("tissue", (top, left, bottom, right), spacing_mm)
