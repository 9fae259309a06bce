"""The layout of a stage in operations that a recording can hold: the tables of `windows.py`, for sizes not yet known.

Where the network is recorded (`torch.jit.trace`, `torch.export`, `torch.compile`, ONNX), the sizes of a map may be
symbols. Nothing here asks a symbol for its value: a table is the places of tokens, worked out from their coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from echocare_core.models.windows import MASKED, Partition, StageLayout, TokenGather


def recorded_layout(batch: int, height: int, width: int, window_size: int, device: torch.device) -> StageLayout:
    """The same as `stage_layout`, made of tensor operations and kept nowhere.

    Args:
        batch: maps; a number or a symbol, like `height` and `width`.
        height: tokens along an axis. A symbol has to stand for an even number, at least `window_size`: that is not
            checked here, and smaller maps come out wrong.
        width: like `height`.
        window_size: tokens per window along each axis.
        device: where the maps are.

    Returns:
        A layout without `target`, so that PyTorch finds the gradient of its gathers, and without `kinds`:
        `attention_mask` is (windows, 1, tokens, tokens), batch included.
    """
    down, across = (_Side.of(length, window_size, device) for length in (height, width))
    picture = torch.arange(batch, device=device)
    tokens, padding = down.window * across.window, down.padding or across.padding
    ragged = bool(height % 2 or width % 2)

    def place(rows: Tensor, columns: Tensor, pictures: Tensor) -> Tensor:  # of a token in the order of the windows
        window = (rows // down.window * across.count + columns // across.window) * batch + pictures
        return window * tokens + rows % down.window * across.window + columns % across.window

    # Coordinates in the order of the windows (row and column of a window, picture, row and column in it), and in the
    # order of the patch merging (picture, row and column of a group, column and row in it).
    rows, columns, pictures = down.cut(0, 3, 5), across.cut(1, 4, 5), _along(picture, 2, 5)
    group_rows, group_columns, group_pictures = down.pairs(1, 4), across.pairs(2, 3), _along(picture, 0, 5)
    real = (rows < height) & (columns < width)
    rows_of_map = (pictures * height + rows) * width + columns

    def window_reverse(shifted: int) -> TokenGather:
        here = down.roll(group_rows, -shifted), across.roll(group_columns, -shifted)
        index = place(*here, group_pictures)
        return _gather_rows(index, (group_rows < height) & (group_columns < width) if ragged else None, places)

    def partition(shifted: int, attention_mask: Tensor | None = None) -> Partition:
        here = (down.roll(rows, shifted) < height) & (across.roll(columns, shifted) < width) & (pictures >= 0)
        return Partition((), here.reshape(-1, tokens, 1).float() if padding else None, attention_mask)

    places = batch * down.padded * across.padded
    window, shift = (down.window, across.window), (down.window // 2, across.window // 2)
    window_partition = _gather_rows(rows_of_map, real if padding else None, batch * height * width)
    masks = (torch.zeros(1, 1, 1, 1, device=device),) * 2
    if not (down.shifted or across.shifted):
        return StageLayout(window, shift, (partition(0),) * 2, window_partition, None, (window_reverse(0),) * 2, masks)
    there, back = (place(down.roll(rows, way), across.roll(columns, way), pictures) for way in (1, -1))
    parts = (2 * down.beyond(rows) + across.beyond(columns) + 0 * pictures).reshape(-1, tokens)
    attention_mask = (parts[:, None, :, None] != parts[:, None, None, :]).float() * MASKED
    return StageLayout(
        *(window, shift, (partition(0), partition(1, attention_mask)), window_partition),
        cyclic_shift=(_gather_rows(there, None, places), _gather_rows(back, None, places)),
        window_reverse=(window_reverse(0), window_reverse(1)),
        attention_masks=masks,
    )


@dataclass(frozen=True)
class _Side:
    """One axis of a map.

    Attributes:
        length: tokens.
        window: tokens per window.
        count: windows.
        padding: whether tokens may have to be added to make whole windows.
        shifted: whether the windows of the odd blocks may be shifted.
        shift: tokens they are shifted by: half a window, or 0 where one window covers the axis.
        end: tokens after padding, as a tensor.
    """

    length: int
    window: int
    count: int
    padding: bool
    shifted: bool
    shift: Tensor
    end: Tensor

    @staticmethod
    def of(length: int, window_size: int, device: torch.device) -> _Side:
        """The axis of a map of that length; a symbol is taken to be at least a window and perhaps padded."""
        known = not isinstance(length, torch.SymInt)
        window = min(length, window_size) if known else window_size
        count = (length + window - 1) // window
        last = torch.arange(count, device=device)[-1:]
        return _Side(
            *(length, window, count),
            padding=not known or count * window != length,
            shifted=not known or length > window_size,
            shift=(last * window + torch.arange(length, device=device)[-1:] >= window_size).long() * (window_size // 2),
            end=(last + 1) * window,
        )

    @property
    def padded(self) -> int:
        return self.count * self.window

    def cut(self, outer: int, inner: int, axes: int) -> Tensor:
        """Coordinate of each token: windows along one axis of the result, places in a window along another."""
        numbers = [torch.arange(size, device=self.end.device) for size in (self.count, self.window)]
        return _along(numbers[0], outer, axes) * self.window + _along(numbers[1], inner, axes)

    def pairs(self, outer: int, inner: int) -> Tensor:
        """The same for groups of two neighbours."""
        numbers = [torch.arange(size, device=self.end.device) for size in ((self.length + 1) // 2, 2)]
        return _along(numbers[0], outer, 5) * 2 + _along(numbers[1], inner, 5)

    def roll(self, coordinates: Tensor, times: int) -> Tensor:
        """Which token comes to stand there when the axis is turned by the shift, backwards where `times` is -1."""
        return (coordinates + times * self.shift) % self.end if times and self.shifted else coordinates

    def beyond(self, coordinates: Tensor) -> Tensor:
        """1 where the turned axis shows tokens of its beginning at its end, else 0."""
        return (coordinates + self.shift >= self.end).long()


def _along(numbers: Tensor, axis: int, axes: int) -> Tensor:
    """A row of numbers along one of several axes."""
    return numbers[tuple(slice(None) if axis == at else None for at in range(axes))]


def _gather_rows(index: Tensor, real: Tensor | None, rows: int) -> TokenGather:
    """A gather of rows; where not `real`, the zero row after the last one."""
    if real is not None:
        index = index * real + (~real).long() * rows
    index = index.reshape(-1)
    return TokenGather(index, None, real is not None, False)
