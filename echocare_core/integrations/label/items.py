"""A finished mask as what it trains on: its picture, or the frames of a cine that were drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from echocare_core.errors import TableError
from echocare_core.frames.read import first_bytes, read_frames
from echocare_core.frames.series import read_series
from echocare_core.transforms.volume_mask import looks_like_volume, number_of_masks, read_volume_mask


def frame_of(info: Mapping[str, Any]) -> int | None:
    """The 0-based frame a mask was drawn on, as what was saved with it says; None where it does not."""
    frame = info.get("frame", (info.get("params") or {}).get("frame"))
    return None if frame is None else int(frame)


def items_of(entry: Mapping[str, str], frame: int | None) -> Iterator[dict[str, Any]]:
    """What a finished mask trains on: its picture, or each frame of a cine that something was drawn on.

    Args:
        entry: paths `image`, a file or the folder of a series, and `label`.
        frame: 0-based number that the mask was drawn on; None where nobody said.

    Raises:
        TableError: a single mask of a cine without a frame, or as many masks as the cine has no frames.
        UnreadableFrames: the picture cannot be read.
    """
    image, label = Path(entry["image"]), entry["label"]
    frames = sum(map(len, read_series(image))) if image.is_dir() else len(read_frames(image))
    masks = number_of_masks(label) if looks_like_volume(first_bytes(Path(label))) else 1
    if masks == frames > 1:
        drawn = [number for number in range(masks) if read_volume_mask(label, number).any()]
        yield from ({"image": str(image), "label": label, "frame": number} for number in drawn)
    elif masks == 1 and (frames == 1 or frame is not None):
        yield {"image": str(image), "label": label, "frame": frame or 0}
    else:
        raise TableError(
            f"Mask {label} is of {masks} frames and its cine has {frames}; needed one of each, or one whose label info "
            'names its frame. Save it with params {"frame": N}, or take it back.'
        )
