"""Uniform sampling (Li et al., arXiv 2205.10063): one patch of each 2x2 block is encoded, on a packed grid.

The encoder's weights keep their shapes and it does a quarter of the work.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def pack_image(image: Tensor, masked: Tensor) -> Tensor:
    """The visible patches pushed together: an image of half the height and width.

    Args:
        image: float (batch, channels, height, width).
        masked: bool (batch, rows, columns) with one visible patch in each block of 2x2.
    """
    batch, channels, height, width = image.shape
    rows, columns = masked.shape[1:]
    patch = height // rows
    blocks = image.view(batch, channels, rows // 2, 2, patch, columns // 2, 2, patch)
    shown = (~masked).view(batch, 1, rows // 2, 2, 1, columns // 2, 2, 1).to(image.dtype)
    return (blocks * shown).sum((3, 6)).reshape(batch, channels, height // 2, width // 2)


def unpack_maps(maps: Sequence[Tensor], masked: Tensor) -> list[Tensor]:
    """Feature maps of a packed image, back in the places of the whole one.

    Maps finer than a patch go where their patch was, with zeros in hidden places; an element of a coarser one stands
    for the block, hidden patches and all.

    Args:
        maps: float (batch, channels, rows, columns), of the packed image.
        masked: bool (batch, rows, columns), True = hidden.
    """
    return [_unpack(features, masked) for features in maps]


def _unpack(features: Tensor, masked: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    rows, columns = masked.shape[1] // 2, masked.shape[2] // 2
    if height < rows or height % rows or width % columns:
        return features.repeat_interleave(2, 2).repeat_interleave(2, 3)
    tall, wide = height // rows, width // columns
    blocks = features.view(batch, channels, rows, 1, tall, columns, 1, wide)
    shown = (~masked).view(batch, 1, rows, 2, 1, columns, 2, 1).to(features.dtype)
    return (blocks * shown).reshape(batch, channels, 2 * height, 2 * width)
