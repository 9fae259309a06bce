"""The fused operations, each beside the lines of plain PyTorch that it equals."""

import pytest
import torch
from torch.nn import functional

from echocare_core.models import fused
from echocare_core.models.windows import Partition

SCALE = 0.5


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """So that small tensors go through in several pieces, the last one shorter."""
    monkeypatch.setattr(fused, "CHUNK_BYTES", 7 * 12 * 8)
    monkeypatch.setattr(fused, "PAIRS_AT_ONCE", 4)


def random(*shape, gradient=True):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=gradient)


def plain_attention(qkv, bias, kinds):
    query, key, value = qkv
    bias = torch.cat([bias[kind].expand(count, -1, -1, -1) for kind, count in enumerate(kinds)])
    return ((query @ key.transpose(-2, -1) * SCALE + bias).softmax(-1) @ value).transpose(1, 2)


@pytest.mark.parametrize("kinds", [(5,), (4, 2, 2, 1), (0, 3, 0, 0)])
def test_attention_equals_its_equation_with_all_gradients(kinds):
    qkv, bias = random(3, sum(kinds), 2, 6, 4), random(len(kinds), 2, 6, 6)
    result, wanted = fused.attention(qkv, bias, Partition(kinds), SCALE), plain_attention(qkv, bias, kinds)
    torch.testing.assert_close(result, wanted)
    weights = torch.randn_like(wanted)
    for one, other in zip(
        *(torch.autograd.grad((x * weights).sum(), (qkv, bias)) for x in (result, wanted)), strict=True
    ):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        torch.testing.assert_close(fused.attention(qkv, bias, Partition(kinds), SCALE), wanted)


def test_feed_forward_equals_its_equation_with_all_gradients():
    parameters = random(10, 3), random(12, 3), random(12), random(3, 12), random(3)
    rows, weight1, bias1, weight2, bias2 = parameters
    result = fused.feed_forward(*parameters)
    wanted = functional.gelu(rows @ weight1.T + bias1) @ weight2.T + bias2
    torch.testing.assert_close(result, wanted)
    weights = torch.randn_like(wanted)
    for one, other in zip(
        *(torch.autograd.grad((x * weights).sum(), parameters) for x in (result, wanted)), strict=True
    ):
        torch.testing.assert_close(one, other)
    with torch.no_grad():
        torch.testing.assert_close(fused.feed_forward(*parameters), wanted)


@pytest.mark.parametrize("size", [(5, 7), (1, 9), (8, 8)])
def test_instance_norm_equals_its_equation_with_its_gradient(size):
    maps = random(2, 3, *size)
    result = fused.instance_norm(maps)
    centred = maps - maps.mean((2, 3), keepdim=True)
    wanted = centred / (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(result, wanted)
    weights = torch.randn_like(wanted)
    gradients = [torch.autograd.grad((x * weights).sum(), maps)[0] for x in (result, wanted)]
    torch.testing.assert_close(*gradients)


def test_instance_norm_of_a_map_far_from_zero_stays_exact():
    maps = 1000 + torch.rand(1, 4, 128, 128, dtype=torch.float64)
    wanted = functional.instance_norm(maps)
    torch.testing.assert_close(fused.instance_norm(maps.float()).double(), wanted, rtol=0, atol=2e-3)


def test_instance_norm_in_bfloat16_is_as_near_as_its_rounding():
    maps = torch.randn(2, 16, 64, 64).bfloat16()
    wanted = functional.instance_norm(maps.double())
    with torch.no_grad():
        difference = fused.instance_norm(maps).double() - wanted
    assert difference.norm() / wanted.norm() < 2**-8


@pytest.mark.parametrize(("rows", "row_bytes"), [(10, 100), (1, 10_000), (7, 96)])
def test_chunks_cover_all_rows_once(rows, row_bytes):
    assert [row for part in fused.chunks(rows, row_bytes) for row in range(rows)[part]] == list(range(rows))
