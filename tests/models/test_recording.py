"""Recorded index tables are those of eager execution, also for sizes that are symbols."""

from __future__ import annotations

import pytest
import torch
from small_network import SMALLEST, distance, plainly, small_network
from torch import nn

from echocare_core.models.recording import recorded_layout
from echocare_core.models.windows import stage_layout

SIZES = [(8, 12), (4, 4), (3, 8), (10, 7), (6, 4), (5, 13)]
CPU = torch.device("cpu")


@pytest.fixture
def network():
    return small_network()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", [1, 3])
def test_every_token_is_where_the_published_network_has_it(size, batch):
    rows = torch.rand(batch * size[0] * size[1], 2)
    layouts = [make(batch, *size, 4, CPU) for make in (recorded_layout, stage_layout)]
    entered = [layout.window_partition(rows) for layout in layouts]
    assert entered[0].equal(entered[1])
    assert layouts[0].window_reverse[0](entered[0]).equal(layouts[1].window_reverse[0](entered[1]))
    assert bool(layouts[0].cyclic_shift) == bool(layouts[1].cyclic_shift)
    if layouts[0].cyclic_shift:
        turned = layouts[0].cyclic_shift[0](entered[0])
        assert layouts[0].window_reverse[1](turned).equal(layouts[0].window_reverse[0](entered[0]))
        assert layouts[0].cyclic_shift[1](turned).equal(entered[0])


@pytest.mark.parametrize("size", [(128, 192), (64, 128), (100, 132)])
def test_the_recorded_network_equals_the_eager_one(size, network, monkeypatch):
    image = torch.rand(2, 3, *size)
    wanted = plainly(network.encoder, image)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert all(distance(*maps) < 1e-5 for maps in zip(plainly(network.encoder, image), wanted, strict=True))


def test_a_stage_with_open_sizes_equals_the_eager_one(network):
    class SecondStage(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stage = network.encoder.layers2[0]

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.stage(features, False)

    stage, channels = SecondStage().eval(), SMALLEST.channels[1]
    dim = torch.export.Dim
    shapes = ({0: dim("batch", min=1), 2: 2 * dim("rows", min=3), 3: 2 * dim("columns", min=3)},)
    with torch.no_grad():
        recorded = torch.export.export(stage, (torch.rand(2, channels, 8, 12),), dynamic_shapes=shapes).module()
    for shape in ((1, 6, 6), (3, 6, 10), (2, 8, 6), (1, 14, 12)):
        features = torch.rand(shape[0], channels, *shape[1:])
        assert distance(plainly(recorded, features), plainly(stage, features)) < 1e-5
