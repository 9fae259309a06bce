"""The encoder compiled, and in the order of operations that a compiler and a GPU are given, beside the eager one."""

from __future__ import annotations

import pytest
import torch
from small_network import SMALLEST, distance
from torch import Tensor

from echocare_core.models import build_encoder, encoder, fused
from echocare_core.models.encoder import Encoder
from echocare_core.models.layers import is_planned

NEAR = 1e-10  # relative, in float64: there rounding turns no value about zero to the other side of a rectifier


@pytest.fixture(autouse=True)
def nothing_compiled():
    torch._dynamo.reset()


@pytest.fixture
def network() -> Encoder:
    torch.manual_seed(0)
    return build_encoder(SMALLEST).double()


def images(batch: int, *size: int) -> Tensor:
    return torch.rand(batch, 3, *size, dtype=torch.float64)


def maps_and_gradients(call, network: Encoder, image: Tensor) -> list[Tensor]:
    """The five maps, and the gradient of every weight that takes part."""
    maps = call(image)
    loss = sum((one * one[:, :1].cos()).square().mean() for one in maps)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    return [*(one.detach() for one in maps), *torch.autograd.grad(loss, weights)]


def farthest(found: list[Tensor], wanted: list[Tensor]) -> float:
    return max(float((one - other).norm() / other.norm()) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("size", [(64, 64), (96, 128), (100, 132)])
def test_operations_for_a_gpu_give_the_maps_and_gradients_of_those_for_a_cpu(size, network, monkeypatch):
    image = images(3, *size)
    wanted = maps_and_gradients(network, network, image)
    with torch.no_grad():
        plain = network(image)
    for module in (encoder, fused):
        monkeypatch.setattr(module, "is_planned", lambda tensor: True)
    monkeypatch.setattr(fused, "WINDOWS_AT_ONCE", 25)

    assert farthest(maps_and_gradients(network, network, image), wanted) < NEAR
    with torch.no_grad():
        assert farthest(network(image), plain) < NEAR


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_the_compiled_encoder_gives_the_same_maps_and_gradients(backend, network):
    compiled = torch.compile(network, fullgraph=True, dynamic=False, backend=backend)
    image = images(2, 64, 64)
    wanted = maps_and_gradients(network, network, image)
    assert farthest(maps_and_gradients(compiled, network, image), wanted) < NEAR


def test_the_compiled_encoder_encodes_without_gradients(network):
    image = images(2, 64, 64)
    with torch.inference_mode():
        compiled = torch.compile(network.eval(), fullgraph=True, dynamic=False, backend="aot_eager")
        assert farthest(compiled(image), network(image)) < NEAR


def test_the_compiled_encoder_in_bfloat16_is_as_near_to_float32_as_the_eager_one(network):
    network, image = network.float(), images(4, 64, 64).float()
    wanted = network(image)
    compiled = torch.compile(network, fullgraph=True, dynamic=False, backend="eager")
    with torch.autocast("cpu", torch.bfloat16):
        eager, found = network(image), compiled(image)
    assert all(one.dtype == torch.bfloat16 for one in found)
    for ours, theirs, exact in zip(found, eager, wanted, strict=True):
        assert distance(ours.float(), exact) < 1.5 * distance(theirs.float(), exact)


def test_one_size_is_compiled_once_as_one_graph_with_its_tables_as_constants(network):
    graphs = []

    def keep(graph, _):
        graphs.append(graph)
        return graph

    compiled = torch.compile(network, fullgraph=True, dynamic=False, backend=keep)
    for _ in range(3):
        compiled(images(2, 64, 64))
    assert len(graphs) == 1
    assert not [node for node in graphs[0].graph.nodes if "arange" in str(node.target)]


def test_what_is_on_a_cpu_is_planned_by_nobody():
    assert not is_planned(torch.zeros(1))
    assert is_planned(torch.zeros(1, device="meta"))
