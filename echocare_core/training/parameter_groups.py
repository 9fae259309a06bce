"""An optimiser's parameter groups: a pretrained encoder learns more slowly than what is new."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from echocare_core.errors import SettingsError
from echocare_core.training.network import bare


def build_parameter_groups(network: nn.Module, *, learning_rate: float, encoder_factor: float) -> list[dict[str, Any]]:
    """What an optimiser of `torch.optim` takes in place of `network.parameters()`.

    Args:
        network: as `place_network` gives it; its `encoder`, if it has one, gets a rate of its own.
        learning_rate: of all that is not in the encoder.
        encoder_factor: learning rate of the encoder over that of the rest, 0 or more; 0 leaves the encoder as it is.

    Returns:
        The group of the rest, whose rate the curves of a training show, then that of the encoder; none is empty.

    Raises:
        SettingsError: a factor below 0, or none that is a number.
    """
    if not 0 <= encoder_factor < math.inf:
        raise SettingsError(
            f"encoder_factor is {encoder_factor}; needed a number from 0, which leaves the encoder as it is. Set "
            f"encoder_factor so."
        )
    encoder = getattr(bare(network), "encoder", None)
    of_encoder = list(encoder.parameters()) if isinstance(encoder, nn.Module) else []
    known = {id(parameter) for parameter in of_encoder}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    groups = [{"params": rest, "lr": learning_rate}, {"params": of_encoder, "lr": learning_rate * encoder_factor}]
    return [group for group in groups if group["params"]]
