"""How far a training from good weights may change the encoder: in all, less towards the stem, by little, not at all.

Decoder and head learn in every mode. What comes out is an ordinary network in each of them: the adapters of LoRA are
merged into the weights they stand beside (`merged_state`, `merge_adapters`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from echocare_core.errors import SettingsError
from echocare_core.models.encoder import Encoder, Stage

FULL, LAYER_DECAY, LORA, FROZEN = "full", "layer_decay", "lora", "frozen"
MODES = (FULL, LAYER_DECAY, LORA, FROZEN)
WEIGHT = "weight"


def check_mode(mode: str) -> None:
    """Check that there is such a mode.

    Raises:
        SettingsError: there is none; it lists those that there are.
    """
    if mode not in MODES:
        raise SettingsError(f"Unknown tuning '{mode}'; needed one of {', '.join(MODES)}. Set tuning to one of them.")


@dataclass(frozen=True)
class Tuning:
    """A mode, and the numbers of those modes that have some.

    Attributes:
        mode: "full", the whole encoder learns; "layer_decay", each of its layers at `layer_decay` times the rate of the
            layer above it (BEiT, Bao et al., ICLR 2022, arXiv 2106.08254; for Swin, SimMIM, Xie et al., CVPR 2022,
            arXiv 2111.09886); "lora", adapters of low rank beside its linear layers (LoRA, Hu et al., ICLR 2022, arXiv
            2106.09685); "frozen", nothing of it, and no gradient goes through it.
        layer_decay: above 0, at most 1.
        lora_rank: of the adapters.
        lora_alpha: their product counts `lora_alpha / lora_rank` times.

    Raises:
        SettingsError: an unknown mode, or a number out of its range.
    """

    mode: str
    layer_decay: float
    lora_rank: int
    lora_alpha: float

    def __post_init__(self) -> None:
        check_mode(self.mode)
        for name, most in (("layer_decay", 1), ("lora_rank", math.inf), ("lora_alpha", math.inf)):
            value = getattr(self, name)
            if not 0 < value <= most or value == math.inf:
                end = "" if most == math.inf else f", at most {most}"
                raise SettingsError(f"{name} is {value}; needed a number above 0{end}. Set {name} so.")

    def prepare(self, network: nn.Module) -> None:
        """Let learn what is to learn, and nothing else; the network gives what it gave before, to the bit.

        Args:
            network: bare, with the weights that it starts from, on its device.

        Raises:
            SettingsError: a mode other than "full" for a network without an attribute `encoder` that is an `Encoder`.
        """
        if self.mode == FULL:
            return
        encoder = getattr(network, "encoder", None)
        if not isinstance(encoder, Encoder):
            raise SettingsError(
                f"{type(network).__name__} has no encoder of this package, which tuning {self.mode} is about; needed "
                f"one. Set tuning to {FULL}."
            )
        if self.mode == LAYER_DECAY:
            return
        encoder.requires_grad_(False)
        if self.mode == LORA:
            for layer in [one for one in encoder.modules() if isinstance(one, nn.Linear)]:
                adapter = LowRank(layer.weight, self.lora_rank, self.lora_alpha)
                parametrize.register_parametrization(layer, WEIGHT, adapter)

    def rate_factors(self, encoder: nn.Module) -> list[tuple[float, list[nn.Parameter]]]:
        """Learning rates of an encoder's parameters over that of the encoder as a whole, from the head to the stem."""
        if self.mode != LAYER_DECAY or not isinstance(encoder, Encoder):
            return [(1.0, list(encoder.parameters()))]
        layers = reversed(list(_layers(encoder)))
        return [(self.layer_decay**distance, parameters) for distance, parameters in enumerate(layers, start=1)]


class LowRank(nn.Module):
    """A weight and what an adapter adds to it: W + (alpha / rank) B A (LoRA, section 4.1), with B zero at the start.

    Args:
        weight: (outputs, inputs), which does not learn.
        rank: rows of A and columns of B.
        alpha: see `Tuning`.
    """

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.scale = alpha / rank
        self.a = nn.Parameter(nn.init.kaiming_uniform_(weight.new_empty(rank, inputs), a=math.sqrt(5)))
        self.b = nn.Parameter(weight.new_zeros(outputs, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """(outputs, inputs) to the same."""
        return torch.addmm(weight, self.b, self.a, alpha=self.scale)


def merged_state(network: nn.Module) -> dict[str, Tensor]:
    """The state dict of a network as it is without adapters: their weights under the usual names, merged."""
    state: dict[str, Tensor] = network.state_dict()
    for name, layer in _adapted(network):
        place = f"{name}." if name else ""
        for key in [key for key in state if key.startswith(f"{place}parametrizations.")]:
            del state[key]
        state[f"{place}{WEIGHT}"] = getattr(layer, WEIGHT).detach()
    return state


def merge_adapters(network: nn.Module) -> None:
    """Make of a network with adapters an ordinary one that gives the same, in place."""
    for _, layer in list(_adapted(network)):
        parametrize.remove_parametrizations(layer, WEIGHT, leave_parametrized=True)


def _adapted(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return ((name, layer) for name, layer in network.named_modules() if parametrize.is_parametrized(layer, WEIGHT))


def _layers(encoder: Encoder) -> Iterator[list[nn.Parameter]]:
    """Parameters of each layer, from the stem up: the patches, then the blocks (as SimMIM counts a Swin's layers).

    What stands before the first block of a stage belongs to it, and what makes a map smaller to the last one.
    """
    yield list(encoder.patch_embed.parameters())
    for number, depth in enumerate(encoder.profile.depths, start=1):
        before = encoder.get_submodule(f"layers{number}c")
        stage = cast("Stage", encoder.get_submodule(f"layers{number}.0"))
        for place, block in enumerate(stage.blocks):
            first = [*before.parameters()] if place == 0 else []
            last = [*stage.downsample.parameters()] if place == depth - 1 else []
            yield [*first, *block.parameters(), *last]
