"""What a layer keeps between calls."""

import torch
from torch import nn

from echocare_core.models.layers import DerivedTensorCache


def test_where_weights_change_without_a_trace_nothing_is_kept():
    cache, weight = DerivedTensorCache(), nn.Parameter(torch.zeros(2))
    cache.enabled = False
    with torch.no_grad():
        before = cache("double", lambda parameter: parameter * 2, weight)
        weight.data[:] = 1.0
        assert torch.equal(cache("double", lambda parameter: parameter * 2, weight), before + 2)
