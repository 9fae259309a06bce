"""Small pictures for the report, made from the overlays that stand on disk: a long export never fills the memory."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from PIL import Image

WIDTH, HEIGHT = 420, 420  # pixels; shown at half of it, so that print and sharp screens have enough
_QUALITY = 80
_Item = TypeVar("_Item")


def thumbnail_data_uri(path: Path, shown_px: tuple[int, int] | None = None) -> tuple[str, tuple[int, int]]:
    """A small JPEG of a picture, as text for the `src` of an image.

    Args:
        path: PNG; an overlay from `draw_overlay` has a strip below the frame.
        shown_px: (height, width) of the frame in it (`shown_size`), to leave that strip away; None for the whole.

    Returns:
        "data:image/jpeg;base64,..." and its (width, height) in pixels.
    """
    with Image.open(path) as picture:
        height, width = shown_px or (picture.height, picture.width)
        small = picture.convert("RGB").crop((0, 0, width, height))
    small.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}", small.size


def evenly_spaced(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of the items, the first and the last among them where there is more than one to choose."""
    if len(items) <= most:
        return list(items)
    if most < 2:
        return [items[len(items) // 2]] if most else []
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]
