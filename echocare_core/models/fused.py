"""The operations where the encoder spends its time, without copies of what lies between, and with their gradients.

Each equals a line or two of plain PyTorch; the tests hold them side by side.
"""

from __future__ import annotations

from itertools import repeat
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from echocare_core.models.layers import is_planned, is_recorded
from echocare_core.models.windows import Partition

CHUNK_BYTES = 8 << 20  # of the widest activations computed at once on a CPU: about what its caches hold
WINDOWS_AT_ONCE = 2**16 - 1  # the largest grid of blocks along one axis that CUDA launches
PAIRS_AT_ONCE = 64  # of a window and a head, in the gradient of attention


def chunks(rows: int, row_bytes: int) -> list[slice]:
    """Rows in runs of which the widest activations fit into the cache."""
    step = max(1, CHUNK_BYTES // row_bytes)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def attention(qkv: Tensor, bias: Tensor, partition: Partition, scale: float) -> Tensor:
    """softmax(q k' scale + bias) v in every window.

    Args:
        qkv: (3, windows, heads, tokens, channels per head).
        bias: (kinds, heads, tokens, tokens), for each kind of window in `partition` with its shift mask; for each
            window of a map on GPUs and in compiled networks; one for all where the partition tells no kinds but
            `attention_mask`.
        partition: which windows are of which kind.
        scale: of the products.

    Returns:
        (windows, tokens, heads, channels per head).
    """
    if not partition.kinds:
        return _plain_attention(qkv, bias, partition, scale)
    if is_planned(qkv):
        return _whole_attention(qkv, bias, scale)
    if torch.is_grad_enabled():
        return _Attention.apply(qkv, bias, partition, scale)
    return _fused_attention(qkv, bias, partition, scale)


def feed_forward(rows: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor) -> Tensor:
    """Linear, Gaussian error linear unit, linear.

    Args:
        rows: (rows, channels).
        weight1: (hidden, channels), with `bias1` (hidden,).
        bias1: see there.
        weight2: (channels, hidden), with `bias2` (channels,).
        bias2: see there.

    Returns:
        (rows, channels).
    """
    if torch.is_grad_enabled() and rows.is_cpu and not is_recorded():
        return _FeedForward.apply(rows, weight1, bias1, weight2, bias2)
    hidden = functional.linear(rows, weight1, bias1)
    hidden = functional.gelu(hidden) if torch.is_grad_enabled() or is_recorded() else torch.ops.aten.gelu_(hidden)
    return functional.linear(hidden, weight2, bias2)


def instance_norm(features: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalise each channel of each map (batch, channels, height, width), channels last in memory, without weights."""
    if is_planned(features):  # rows of one map each, in one pass
        normed = functional.layer_norm(features.contiguous(), features.shape[2:], eps=epsilon)
        return normed.contiguous(memory_format=torch.channels_last)
    if is_recorded():
        return torch.instance_norm(features, None, None, None, None, True, 0.0, epsilon, False)
    if not torch.is_grad_enabled() and features.is_cpu and features.dtype == torch.bfloat16:
        return torch.group_norm(features, features.shape[1], eps=epsilon)  # sums in float32: fastest, no loss
    maps = features.permute(0, 2, 3, 1).to(_sum_precision(features))
    return _InstanceNorm.apply(maps, epsilon).to(features.dtype).permute(0, 3, 1, 2)


def _fused_attention(qkv: Tensor, bias: Tensor, partition: Partition, scale: float) -> Tensor:
    """One call for each kind of window, so that its bias is read where it stands and never copied."""
    query, key, value = qkv.unbind(0)
    runs = [
        functional.scaled_dot_product_attention(
            query[start:end], key[start:end], value[start:end], bias[kind : kind + 1], scale=scale
        ).transpose(1, 2)
        for start, end, kind in partition.spans()
    ]
    return runs[0] if len(runs) == 1 else torch.cat(runs)


def _whole_attention(qkv: Tensor, bias: Tensor, scale: float) -> Tensor:
    """One call for all windows, of every map of the batch in turn."""
    query, key, value = qkv.unbind(0)
    if len(bias) > 1:
        bias = bias[:, None].expand(-1, len(query) // len(bias), -1, -1, -1).flatten(0, 1)
    parts = zip(*(one.split(WINDOWS_AT_ONCE) for one in (query, key, value)), strict=True)
    biases = bias.split(WINDOWS_AT_ONCE) if len(bias) > 1 else repeat(bias)
    mixed = [
        functional.scaled_dot_product_attention(one, other, third, added, scale=scale)
        for (one, other, third), added in zip(parts, biases, strict=False)
    ]
    return (mixed[0] if len(mixed) == 1 else torch.cat(mixed)).transpose(1, 2)


def _plain_attention(qkv: Tensor, bias: Tensor, partition: Partition, scale: float) -> Tensor:
    query, key, value = qkv.unbind(0)
    logits = (query * scale) @ key.transpose(-2, -1) + bias
    if partition.attention_mask is not None:
        logits = logits + partition.attention_mask.to(logits.dtype)
    return (logits.softmax(-1) @ value).transpose(1, 2)


class _Attention(torch.autograd.Function):
    """`_fused_attention` with a gradient that also reaches the bias; that of PyTorch's kernel for the CPU does not.

    Nothing of the size of the logits is kept; the gradient makes them again, a few windows at a time, in buffers that
    stay in the cache.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, bias: Tensor, partition: Partition, scale: float) -> Tensor:
        ctx.save_for_backward(qkv, bias)
        ctx.partition, ctx.scale = partition, scale
        return _fused_attention(qkv, bias.detach(), partition, scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients of `qkv` and of the bias: with p the softmax, d(logits) = p (d(p) - sum(p d(p)))."""
        qkv, bias = ctx.saved_tensors
        _, number, heads, tokens, width = qkv.shape
        step = min(number, max(1, PAIRS_AT_ONCE // heads))
        to_qkv = qkv.new_empty(number, tokens, 3, heads, width).permute(2, 0, 3, 1, 4)
        to_bias = torch.zeros_like(bias, dtype=_sum_precision(bias))
        weights_buffer, logits_buffer = (qkv.new_empty(step * heads, tokens, tokens) for _ in range(2))
        for first, last, kind in ctx.partition.spans():
            for start in range(first, last, step):
                end = min(start + step, last)
                pairs = (end - start) * heads
                query, key, value = qkv[:, start:end].reshape(3, pairs, tokens, width)
                to_mixed = gradient[start:end].transpose(1, 2).reshape(pairs, tokens, width)
                weights, to_logits = weights_buffer[:pairs], logits_buffer[:pairs]
                torch.bmm(query, key.transpose(1, 2), out=weights)
                weights.mul_(ctx.scale).view(-1, heads, tokens, tokens).add_(bias[kind])
                torch.softmax(weights, -1, out=weights)
                torch.bmm(to_mixed, value.transpose(1, 2), out=to_logits)
                to_logits = torch._softmax_backward_data(to_logits, weights, -1, weights.dtype)
                to_bias[kind] += to_logits.view(-1, heads, tokens, tokens).sum(0, dtype=to_bias.dtype)
                to_logits.mul_(ctx.scale)
                parts = (to_logits @ key, to_logits.transpose(1, 2) @ query, weights.transpose(1, 2) @ to_mixed)
                for target, part in zip(to_qkv[:, start:end], parts, strict=True):
                    target.copy_(part.view(-1, heads, tokens, width))
        return to_qkv, to_bias.to(bias.dtype), None, None


class _FeedForward(torch.autograd.Function):
    """Linear, Gaussian error linear unit, linear, some rows at a time, so that what lies between stays in the cache.

    Only the first layer's result is kept for the gradient.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor) -> Tensor:
        hidden, result = rows.new_empty(len(rows), len(weight1)), torch.empty_like(rows)
        for part in chunks(len(hidden), hidden.shape[1] * hidden.element_size()):
            torch.addmm(bias1, rows[part], weight1.t(), out=hidden[part])
            torch.addmm(bias2, functional.gelu(hidden[part]), weight2.t(), out=result[part])
        ctx.save_for_backward(rows, hidden, weight1, weight2)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """Gradients of the rows and of all weights, summed over the chunks in float32 or better."""
        rows, hidden, weight1, weight2 = ctx.saved_tensors
        to_rows, sums = torch.empty_like(rows), _sum_precision(rows)
        to_weight1, to_weight2 = (torch.zeros_like(weight, dtype=sums) for weight in (weight1, weight2))
        to_bias1, to_bias2 = to_weight1.new_zeros(len(weight1)), gradient.sum(0, dtype=sums)
        for part in chunks(len(hidden), hidden.shape[1] * hidden.element_size()):
            to_weight2 += gradient[part].t() @ functional.gelu(hidden[part])
            to_hidden = torch.ops.aten.gelu_backward(gradient[part] @ weight2, hidden[part])
            to_weight1 += to_hidden.t() @ rows[part]
            to_bias1 += to_hidden.sum(0, dtype=sums)
            torch.mm(to_hidden, weight1, out=to_rows[part])
        kept = (to_weight1, to_bias1, to_weight2, to_bias2)
        return to_rows, *(one.to(rows.dtype) for one in kept)


class _InstanceNorm(torch.autograd.Function):
    """Normalisation of each channel over its map, on maps (batch, height, width, channels), without weights.

    The sums are matrix products with a row of ones, first along the width: in this layout several times faster than
    PyTorch's own instance norm, and as exact.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, epsilon: float) -> Tensor:
        centred = maps - _mean_of_map(maps)
        scale = torch.rsqrt(_mean_of_map(centred * centred) + epsilon)
        normed = centred.mul_(scale)
        ctx.save_for_backward(normed, scale)
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        normed, scale = ctx.saved_tensors
        along = normed * _mean_of_map(gradient * normed)
        return (gradient - _mean_of_map(gradient) - along).mul_(scale), None


def _sum_precision(tensor: Tensor) -> torch.dtype:
    """Precision for sums of its values."""
    return torch.promote_types(tensor.dtype, torch.float32)


def _mean_of_map(maps: Tensor) -> Tensor:
    """(batch, height, width, channels) to (batch, 1, 1, channels)."""
    if not maps.is_cpu or torch.get_float32_matmul_precision() != "highest":  # where products may be rounded
        return maps.mean((1, 2), keepdim=True)
    _, height, width, _ = maps.shape
    rows = maps.new_full((1, width), 1 / width) @ maps
    return (maps.new_full((1, height), 1 / height) @ rows.squeeze(2)).unsqueeze(1)
