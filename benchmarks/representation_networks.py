"""Networks that label pixels: ours and those of MONAI that are as large; weights are carried from one to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
from monai.networks.nets import DynUNet, SwinUNETR, UNet
from torch import Tensor, nn

from echocare_core.models import load_encoder, load_segmentation_decoder, save_encoder
from echocare_core.pretraining.assembly import DECODER_FILE, ENCODER_FILE
from echocare_core.tasks.segmentation import SegmentationNetwork

OURS, WHOLE = "encoder and decoder", "network.safetensors"
DECODER_WIDTHS = {"width": 32, "width_limit": 80}
WIDTHS = (32, 64, 128, 256)
UNET = "MONAI UNet"  # whose time is everybody's where times are equal
OPPONENTS: dict[str, Callable[[int], nn.Module]] = {  # channels out to a network: 1.6, 1.9 and 1.8 million weights
    UNET: lambda labels: UNet(2, 3, labels, channels=WIDTHS, strides=(2, 2, 2), num_res_units=2),
    "DynUNet": lambda labels: DynUNet(2, 3, labels, [3] * 4, [1, 2, 2, 2], [2] * 3, filters=list(WIDTHS)),
    "SwinUNETR": partial(
        lambda labels, **sizes: SwinUNETR(3, labels, spatial_dims=2, **sizes),
        **{"feature_size": 12, "num_heads": (1, 2, 4, 8), "use_v2": True},
    ),
}


def build_network(name: str, profile: str, labels: int, seed: int) -> nn.Module:
    """A network with random weights.

    Args:
        name: `OURS` or one of `OPPONENTS`.
        profile: of our encoder.
        labels: channels out.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    if name == OURS:
        return SegmentationNetwork(labels=labels, encoder=profile, **DECODER_WIDTHS)
    return OPPONENTS[name](labels)


def start_from(network: nn.Module, weights: Path, whole_network: bool = False) -> nn.Module:
    """Give a network what a training left: an encoder's file, or a folder with an encoder, maybe a decoder, or all.

    All is a whole network, of which everything but the last layer is taken.

    Args:
        network: to be given weights.
        weights: file or folder.
        whole_network: the last layer too, which must be of the same labels.
    """
    whole, decoder = weights / WHOLE, weights / DECODER_FILE
    if whole_network:
        network.load_state_dict(safetensors.torch.load_file(whole))
    elif whole.is_file():
        _carry_over(safetensors.torch.load_file(whole), network)
    elif isinstance(network, SegmentationNetwork):
        network.encoder.load_state_dict(load_encoder(encoder_file(weights)).state_dict())
        if decoder.is_file():
            network.decoder = load_segmentation_decoder(decoder, network.encoder.profile, **DECODER_WIDTHS)
    return network


class ChosenScores(nn.Module):
    """The background and some of the structures that a network was trained to score, as they are.

    Args:
        network: float32 (batch, 3, side, side) to a logit for each structure.
        structures: how many it scores.
        rows: those that become the labels 1, 2, ...; the background's logit starts as 0.
    """

    def __init__(self, network: nn.Module, structures: int, rows: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.choose = nn.Conv2d(structures, 1 + len(rows), kernel_size=1)
        with torch.no_grad():
            for parameter in self.choose.parameters():
                parameter.zero_()
            self.choose.weight[torch.arange(len(rows)) + 1, torch.tensor(rows), 0, 0] = 1

    @property
    def encoder(self) -> nn.Module | None:
        """Has a rate of its own; see `build_parameter_groups`."""
        return getattr(self.network, "encoder", None)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, 1 + rows, side, side)."""
        return self.choose(self.network(image))


def encoder_file(weights: Path) -> Path:
    """The encoder in a folder, or the file itself."""
    return weights / ENCODER_FILE if weights.is_dir() else weights


def save_network(network: nn.Module, folder: Path) -> None:
    """Write all weights for `start_from`, and those of an encoder in it for themselves."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(state, folder / WHOLE)
    if isinstance(network, SegmentationNetwork):
        save_encoder(network.encoder, folder / ENCODER_FILE)


def _carry_over(state: dict[str, Tensor], network: nn.Module) -> None:
    """Every tensor whose shape is the same; the last layer, of other labels, stays as it is."""
    own = network.state_dict()
    kept = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    network.load_state_dict({**own, **kept})
