"""Weights between those of the start and the trained ones: the mean that does best on the validation images.

From good weights a few images lead astray, and part of the way is often better than all of it (Wortsman et al., CVPR
2022, arXiv 2109.01903). The way of length nothing may be among them: then nobody gets less than they had on these
images, by the metric that the training validates with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monai.engines import SupervisedEvaluator
from torch import Tensor, nn

from echocare_core.models.weight_file import read_state_dict


class Between(NamedTuple):
    """What was tried.

    Attributes:
        share: of the start in the mean that was chosen, from 0 (as trained) to 1 (as it was).
        metrics: key metric on the validation images of each share.
        state: the chosen weights, float32.
    """

    share: float
    metrics: Mapping[float, float]
    state: dict[str, Tensor]


def choose_between(
    network: nn.Module, validator: SupervisedEvaluator, start: Path, trained: Path, shares: Sequence[float]
) -> Between:
    """Try each share of the start in turn; of two that do equally well the larger is chosen.

    Args:
        network: that the validator runs; its weights are replaced.
        validator: the engine that validates; more of its key metric is better.
        start: weights that the training started from.
        trained: those that it kept.
        shares: from 0 to 1.
    """
    before, after = (read_state_dict(path) for path in (start, trained))
    device = next(network.parameters()).device
    metrics: dict[float, float] = {}
    for share in sorted(shares):
        network.load_state_dict({name: one.to(device) for name, one in _mean(before, after, share).items()})
        validator.run()
        metrics[share] = float(validator.state.metrics[_key(validator)])
    chosen = max(metrics, key=lambda share: (metrics[share], share))
    return Between(chosen, metrics, _mean(before, after, chosen))


def _mean(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    return {
        name: torch.lerp(one.float(), before[name].float(), share) if one.is_floating_point() else one
        for name, one in after.items()
    }


def _key(validator: Any) -> str:
    name = validator.state.key_metric_name
    assert name is not None
    return name
