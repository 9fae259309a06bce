"""What a layer keeps between calls."""

import torch
from torch import nn

from echocare_core.models.layers import Kept


def test_where_weights_change_without_a_trace_nothing_is_kept():
    kept, weight = Kept(), nn.Parameter(torch.zeros(2))
    kept.keeps = False
    with torch.no_grad():
        before = kept("double", lambda parameter: parameter * 2, weight)
        weight.data[:] = 1.0
        assert torch.equal(kept("double", lambda parameter: parameter * 2, weight), before + 2)
