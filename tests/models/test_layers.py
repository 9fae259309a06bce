"""What a layer keeps between calls, and whether its weights are all there is to it."""

import torch
from torch import nn
from torch.nn.utils import parametrize

from echocare_core.models.layers import DerivedTensorCache, Linear, is_plain
from echocare_core.models.tuning import LowRank


def test_where_weights_change_without_a_trace_nothing_is_kept():
    cache, weight = DerivedTensorCache(), nn.Parameter(torch.zeros(2))
    cache.enabled = False
    with torch.no_grad():
        before = cache("double", lambda parameter: parameter * 2, weight)
        weight.data[:] = 1.0
        assert torch.equal(cache("double", lambda parameter: parameter * 2, weight), before + 2)


def test_a_layer_with_an_adapter_of_its_weight_is_plain_and_one_that_is_called_otherwise_is_not():
    adapted, hooked = Linear(4, 4), Linear(4, 4)
    parametrize.register_parametrization(adapted, "weight", LowRank(adapted.weight, rank=1, alpha=1.0))
    hooked.register_forward_hook(lambda *_: None)
    assert [is_plain(layer) for layer in (Linear(4, 4), adapted, hooked, nn.Identity())] == [True, True, False, False]
