"""Which token of a feature map stands in which attention window, as index tables that are made once per size.

A stage keeps its tokens in the order of their windows from its first block to its last, so that moving from one
partition to the shifted one is a single gather of rows: no roll, and no copy into windows and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Attention mask: added to the logit of two tokens that the cyclic shift brought together from opposite edges (Swin,
# section 3.2).
MASKED = -100.0
SIZES_KEPT = 32
KINDS = 4  # of windows after the shift: inside, at the right edge, at the bottom edge, in the corner


class TokenGather(NamedTuple):
    """A reordering of token rows, by one gather.

    Attributes:
        source: for each row of the result its row in the source; one past the last stands for a row of zeros.
        target: the same the other way round, which is the way of the gradient; None where that is left to PyTorch.
        pads: whether `source` names the row of zeros.
        target_pads: whether `target` does.
    """

    source: Tensor
    target: Tensor | None
    pads: bool
    target_pads: bool

    def __call__(self, rows: Tensor) -> Tensor:
        """See `reorder`."""
        return reorder(rows, self)


def reorder(rows: Tensor, order: TokenGather) -> Tensor:
    """Rows (tokens, channels) in another order."""
    if torch.is_grad_enabled() and rows.requires_grad and order.target is not None:
        return _Gather.apply(rows, order.source, order.target, order.pads, order.target_pads)
    return _gather(rows, order.source, order.pads)


class _Gather(torch.autograd.Function):
    """A gather whose gradient is a gather too; PyTorch's own would add up row by row."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, source: Tensor, target: Tensor, pads: bool, target_pads: bool) -> Tensor:
        ctx.save_for_backward(target)
        ctx.target_pads = target_pads
        return _gather(rows, source, pads)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (target,) = ctx.saved_tensors
        return _gather(gradient.contiguous(), target, ctx.target_pads), None, None, None, None


def _gather(rows: Tensor, source: Tensor, pads: bool) -> Tensor:
    if pads:
        rows = functional.pad(rows, (0, 0, 0, 1))
    return functional.embedding(source, rows)


@dataclass(frozen=True)
class Partition:
    """How the tokens of a batch stand in windows: (windows, batch) windows in a row, those of one kind together.

    Attributes:
        kinds: number of windows, batch included, of each kind; one number where nothing was shifted, none where the
            network is recorded.
        real: (windows, tokens, 1), 0 for padding and 1 for tokens of the map; None where there is no padding.
        attention_mask: (windows, 1, tokens, tokens), `MASKED` between tokens that must not meet; None unless recorded.
    """

    kinds: tuple[int, ...]
    real: Tensor | None = None
    attention_mask: Tensor | None = None

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """First window, end and kind of each run of windows of one kind."""
        ends = [sum(self.kinds[:kind]) for kind in range(len(self.kinds) + 1)]
        return ((start, end, kind) for kind, (start, end) in enumerate(pairwise(ends)) if end > start)

    def part(self, start: int, end: int) -> Partition:
        """The same for the windows from `start` to `end`, without the mask of all windows."""
        runs = [0] * len(self.kinds)
        for first, last, kind in self.spans():
            runs[kind] = max(0, min(last, end) - max(first, start))
        return Partition(tuple(runs), None if self.real is None else self.real[start:end])


@dataclass(frozen=True)
class StageLayout:
    """The orders in which the tokens of one stage stand, and the gathers between them.

    Attributes:
        window: tokens per window along each axis; a map that is smaller than a window is one window.
        shift: tokens the odd blocks are shifted by along each axis.
        partitions: of the even blocks and of the odd, shifted ones; the same twice where one window covers the map.
        window_partition: from rows of the map to the windows of the even blocks.
        cyclic_shift: from the windows of the even blocks to the shifted ones of the odd blocks, and back; None where
            they are the same.
        window_reverse: from the windows of the even, of the odd blocks to groups of four neighbours of the map, for the
            patch merging.
        attention_masks: (kinds, 1, tokens, tokens) for the even and the odd partition, to be added to the position
            bias.
        positions: float (positions, tokens * tokens), 1 where a pair of tokens has the relative position of a row of
            the bias table; None where the network is recorded.
        window_kinds: int64 (windows of a map,), the kind of each window of the odd partition; None where nothing is
            shifted, or the network is recorded.
    """

    window: tuple[int, int]
    shift: tuple[int, int]
    partitions: tuple[Partition, Partition]
    window_partition: TokenGather
    cyclic_shift: tuple[TokenGather, TokenGather] | None
    window_reverse: tuple[TokenGather, TokenGather]
    attention_masks: tuple[Tensor, Tensor]
    positions: Tensor | None = None
    window_kinds: Tensor | None = None

    @property
    def tokens(self) -> int:
        """Tokens per window."""
        return self.window[0] * self.window[1]


@lru_cache(SIZES_KEPT)
def stage_layout(batch: int, height: int, width: int, window_size: int, device: torch.device) -> StageLayout:
    """Work out the layout of a stage for maps of (height, width) tokens, and keep it on the device.

    As in the published network a map is padded to whole windows at the bottom and on the right, windows shrink to the
    map where that is smaller, and an axis that fits in one window is not shifted (Swin, section 3.2 and its code).
    """
    with torch.inference_mode(False), torch.device("cpu"):  # tables made at inference serve training too
        sides = [_Axis.of(length, window_size) for length in (height, width)]
        padded = sides[0].padded * sides[1].padded
        grid = torch.arange(padded).view(sides[0].padded, sides[1].padded)
        even, odd = (_window_order(grid, sides, shifted) for shifted in (False, True))
        kind = _kinds(sides)
        by_kind = torch.argsort(kind, stable=True)
        odd, shifted = odd[by_kind], any(axis.shift for axis in sides)
        raster, merged = grid[:height, :width].reshape(-1), _merge_order(grid, height, width)

        def gather(source: Tensor, target: Tensor, windows_first: tuple[bool, bool]) -> TokenGather:
            one, other = (
                _repeat_for_batch(order, batch, padded, first)
                for order, first in zip((source, target), windows_first, strict=True)
            )
            there, back = _index(one, other, batch * padded), _index(other, one, batch * padded)
            pads, target_pads = bool((there == one.numel()).any()), bool((back == other.numel()).any())
            return TokenGather(there.to(device), back.to(device), pads, target_pads)

        real = (grid % grid.shape[1] < width) & (grid // grid.shape[1] < height)
        reals = [None if padded == height * width else real.view(-1)[order] for order in (even, odd)]
        masks = _attention_masks(sides).to(device)
        counts = tuple((torch.bincount(kind, minlength=KINDS) * batch).tolist())
        plain = Partition((len(even) * batch,), _rows(reals[0], batch, device))
        turned = Partition(counts, _rows(reals[1], batch, device))
        return StageLayout(
            window=(sides[0].window, sides[1].window),
            shift=(sides[0].shift, sides[1].shift),
            partitions=(plain, turned if shifted else plain),
            window_partition=gather(raster, even, (False, True)),
            cyclic_shift=(gather(even, odd, (True, True)), gather(odd, even, (True, True))) if shifted else None,
            window_reverse=(
                gather(even, merged, (True, False)),
                gather(odd if shifted else even, merged, (True, False)),
            ),
            attention_masks=(masks[:1], masks if shifted else masks[:1]),
            positions=_positions(sides[0].window * sides[1].window, window_size, device),
            window_kinds=kind[by_kind].to(device) if shifted else None,
        )


@torch.compiler.assume_constant_result
def constant_layout(batch: int, height: int, width: int, window_size: int, device: torch.device) -> StageLayout:
    """`stage_layout`, whose tables are constants of a compiled network."""
    return stage_layout(batch, height, width, window_size, device)


def relative_positions(window_size: int) -> Tensor:
    """Row of the bias table for each pair of tokens of a window: (tokens, tokens)."""
    side = torch.arange(window_size)
    rows, columns = (axis.reshape(-1) for axis in torch.meshgrid(side, side, indexing="ij"))
    offsets = [axis[:, None] - axis[None, :] + window_size - 1 for axis in (rows, columns)]
    return offsets[0] * (2 * window_size - 1) + offsets[1]


@lru_cache(SIZES_KEPT)
def _positions(tokens: int, window_size: int, device: torch.device) -> Tensor:
    rows = relative_positions(window_size)[:tokens, :tokens].reshape(-1)
    return functional.one_hot(rows, (2 * window_size - 1) ** 2).t().float().contiguous().to(device)


@dataclass(frozen=True)
class _Axis:
    """One axis of a map: tokens per window, tokens after padding, tokens the odd blocks are shifted by."""

    window: int
    padded: int
    shift: int

    @staticmethod
    def of(length: int, window_size: int) -> _Axis:
        window = min(length, window_size)
        return _Axis(window, -(-length // window) * window, 0 if length <= window_size else window_size // 2)


def _window_order(grid: Tensor, sides: list[_Axis], shifted: bool) -> Tensor:
    """Token of the padded map at each place of each window: (windows, tokens)."""
    rows, columns = sides
    if shifted:
        grid = grid.roll((-rows.shift, -columns.shift), (0, 1))
    cut = grid.view(rows.padded // rows.window, rows.window, columns.padded // columns.window, columns.window)
    return cut.permute(0, 2, 1, 3).reshape(-1, rows.window * columns.window)


def _kinds(sides: list[_Axis]) -> Tensor:
    last = [torch.arange(axis.padded // axis.window) == axis.padded // axis.window - 1 for axis in sides]
    rows, columns = (edge & bool(axis.shift) for edge, axis in zip(last, sides, strict=True))
    return (2 * rows.long()[:, None] + columns.long()[None, :]).view(-1)


def _attention_masks(sides: list[_Axis]) -> Tensor:
    """(kinds, 1, tokens, tokens): `MASKED` between the two parts of a window that come from opposite edges."""
    rows, columns = (torch.arange(axis.window) >= axis.window - axis.shift for axis in sides)
    masks = []
    for kind in range(KINDS):
        part = 2 * (rows & bool(kind // 2)).long()[:, None] + (columns & bool(kind % 2)).long()[None, :]
        part = part.view(-1)
        masks.append((part[:, None] != part[None, :]).float() * MASKED)
    return torch.stack(masks)[:, None]


def _merge_order(grid: Tensor, height: int, width: int) -> Tensor:
    """Tokens in groups of four neighbours, column by column; those beyond an odd edge are no token of the map."""
    nowhere = grid.numel()
    even = functional.pad(grid[:height, :width], (0, width % 2, 0, height % 2), value=nowhere)
    cut = even.view(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    return cut.permute(0, 2, 3, 1).reshape(-1)


def _repeat_for_batch(order: Tensor, batch: int, padded: int, windows_first: bool) -> Tensor:
    """The same order for every map of a batch: windows outside and maps inside, or maps outside."""
    first = torch.arange(batch) * padded
    nowhere = order == padded
    if windows_first:
        return (order[:, None, :] + first[None, :, None]).reshape(-1)
    return torch.where(nowhere, batch * padded, order + first[:, None]).reshape(-1)


def _index(source: Tensor, target: Tensor, nowhere: int) -> Tensor:
    """Row of `source` for each row of `target`; the number of rows of `source` where it has no such token."""
    place = torch.full((nowhere + 1,), source.numel())
    place[source] = torch.arange(source.numel())
    place[nowhere] = source.numel()
    return place[target].int()


def _rows(real: Tensor | None, batch: int, device: torch.device) -> Tensor | None:
    return None if real is None else real.repeat_interleave(batch, dim=0)[..., None].float().to(device)
