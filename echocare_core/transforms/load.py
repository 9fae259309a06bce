"""One ultrasound frame as a tensor: DICOM, PNG or JPEG, upright, with its calibration."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from echocare_core.frames.read import read_frames
from echocare_core.types import Frames

UNKNOWN = math.nan


class LoadUltrasoundd(MapTransform):
    """Replace a path, or `Frames` already opened, by one frame.

    The item may carry `frame` (0-based, the first where absent) and `pixel_mm` (millimetres per pixel, which a PNG
    cannot hold; used only where the file itself gives none).

    The result is a MetaTensor float32 (3, height, width) in [0, 255], upright: MONAI's own readers hand pictures over
    as (width, height). Its affine is the spacing; its meta holds `filename_or_obj`, `frame`, `frame_time_ms`,
    `spacing_mm` (row, column) and `scan_box` (top, left, bottom, right), with nan where the file does not say.

    Args:
        keys: which entries are paths.
        allow_missing_keys: skip those an item does not have.

    Raises:
        UnreadableFrames: the file or the frame cannot be read.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            frames = item[key] if isinstance(item[key], Frames) else read_frames(Path(item[key]))
            item[key] = frame_tensor(frames, int(item.get("frame", 0)), float(item.get("pixel_mm", UNKNOWN)))
        return item


def frame_tensor(frames: Frames, frame: int, pixel_mm: float = UNKNOWN) -> MetaTensor:
    """One frame as `LoadUltrasoundd` hands it on.

    Args:
        frames: the file.
        frame: 0-based.
        pixel_mm: spacing to assume where the file states none; nan for none.
    """
    row_mm, column_mm = frames.spacing_mm or (pixel_mm, pixel_mm)
    known = not math.isnan(row_mm)
    affine = np.diag([row_mm if known else 1.0, column_mm if known else 1.0, 1.0, 1.0])
    meta = {
        "filename_or_obj": str(frames.path),
        "frame": frame,
        "frame_time_ms": frames.frame_times_ms[frame] if frames.frame_times_ms else UNKNOWN,
        "spacing_mm": torch.tensor([row_mm, column_mm], dtype=torch.float64),
        "scan_box": torch.tensor(frames.scan_box),
    }
    pixels = torch.from_numpy(np.ascontiguousarray(frames.pixels[frame])).permute(2, 0, 1)
    return MetaTensor(pixels.to(torch.float32).contiguous(), affine=torch.from_numpy(affine), meta=meta)
