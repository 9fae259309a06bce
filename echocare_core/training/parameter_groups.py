"""An optimiser's parameter groups: a pretrained encoder learns more slowly than what is new."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch import nn
from torch.optim import Optimizer

from echocare_core.errors import SettingsError
from echocare_core.models.tuning import Tuning
from echocare_core.training.network import bare


def build_parameter_groups(
    network: nn.Module, *, learning_rate: float, encoder_factor: float, tuning: Tuning | None = None
) -> list[dict[str, Any]]:
    """What an optimiser of `torch.optim` takes in place of `network.parameters()`.

    Args:
        network: as `place_network` gives it; its `encoder`, if it has one, gets a rate of its own.
        learning_rate: of all that is not in the encoder.
        encoder_factor: learning rate of the encoder over that of the rest, 0 or more; 0 leaves the encoder as it is.
        tuning: the one that the network was placed with; None where the whole encoder learns, at one rate.

    Returns:
        The group of the rest, whose rate the curves of a training show, then that of the encoder, or those of its
        layers, from the head to the stem; none is empty, and what does not learn is in none.

    Raises:
        SettingsError: a factor below 0, or none that is a number.
    """
    if not 0 <= encoder_factor < math.inf:
        raise SettingsError(
            f"encoder_factor is {encoder_factor}; needed a number from 0, which leaves the encoder as it is. Set "
            f"encoder_factor so."
        )
    encoder = getattr(bare(network), "encoder", None)
    encoder = encoder if isinstance(encoder, nn.Module) else nn.Module()
    layers = [(1.0, list(encoder.parameters()))] if tuning is None else tuning.rate_factors(encoder)
    known = {id(parameter) for parameter in encoder.parameters()}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    rated = [(learning_rate, rest), *((learning_rate * encoder_factor * factor, one) for factor, one in layers)]
    groups = [{"params": [one for one in params if one.requires_grad], "lr": rate} for rate, params in rated]
    return [group for group in groups if group["params"]]


class Learning(NamedTuple):
    """How much of a network learns.

    Attributes:
        learning: numbers that do.
        parameters: numbers in all.
    """

    learning: int
    parameters: int

    def __str__(self) -> str:
        return f"{self.learning:,} of {self.parameters:,} parameters ({self.learning / self.parameters:.1%})"


def count_learning(network: nn.Module, optimizer: Optimizer) -> Learning:
    """Count the parameters that an optimiser changes, at any rate above 0, and all of a network."""
    peaks = [(group.get("initial_lr", group["lr"]), group["params"]) for group in optimizer.param_groups]
    learning = sum(one.numel() for peak, params in peaks if peak > 0 for one in params if one.requires_grad)
    return Learning(learning, sum(one.numel() for one in network.parameters()))
