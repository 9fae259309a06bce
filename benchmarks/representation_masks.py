"""Training on the masks of several data sets at once, from random weights or from those of a contrast."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from representation_finetuning import Plan, finetune
from representation_measures import MASK_RATE, SIDE
from representation_networks import OURS, build_network
from representation_pictures import Pictures
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.evaluation.probe import POOLED_MAPS
from echocare_core.pretraining.losses.distillation import feature_distillation
from echocare_core.tasks.segmentation import SegmentationNetwork

STRUCTURES = {  # folder of the data: what the labels 1, 2, ... of its masks are
    "bus_bra": ("breast lesion",),
    "busi": ("breast lesion",),
    "breast_usg": ("breast lesion",),
    "hc18": ("fetal head",),
    "ccaui_carotid": ("carotid lumen",),
    "aul_liver": ("liver", "liver mass"),
    "dltrack_muscle": ("aponeurosis",),
}
ORGANS = {
    **dict.fromkeys(("bus_bra", "busi", "breast_usg"), "breast"),
    **{"hc18": "fetus", "ccaui_carotid": "neck", "aul_liver": "liver", "dltrack_muscle": "muscle"},
}
HALVES = ("breast",), ("fetus", "neck", "liver", "muscle")  # one training for all organs of a half
NAMES = tuple(dict.fromkeys(name for names in STRUCTURES.values() for name in names))
STEPS_TIMED, ROUNDS = 4, 4


@dataclass(frozen=True)
class MaskTraining:
    """A sigmoid channel per structure, cross-entropy and Dice; structures of other data sets are unknown in a picture.

    Attributes:
        network: of `representation_networks`.
        from_contrast: whether it starts from an encoder that was trained before, whose pooled features it keeps.
    """

    network: str = OURS
    from_contrast: bool = False


def left_out(folder: str, whole_organ: bool) -> tuple[str, ...]:
    """The data sets whose masks are not seen by what is tested on one of them.

    Args:
        folder: of the data set.
        whole_organ: leave out all of its organ, and of the other organs in its half too.
    """
    if not whole_organ and list(ORGANS.values()).count(ORGANS[folder]) > 1:
        return (folder,)
    half = next(half for half in HALVES if ORGANS[folder] in half)
    return tuple(sorted(other for other, organ in ORGANS.items() if organ in half))


def seconds_per_step(network: str, profile: str, labels: int, device: torch.device) -> float:
    """Least time of a training step of a network, of a few in several rounds, with pictures of noise."""
    images = torch.randint(256, (64, 3, SIDE, SIDE), dtype=torch.uint8, device=device)
    masks = torch.randint(labels, (64, 1, SIDE, SIDE), dtype=torch.uint8, device=device)
    built = build_network(network, profile, labels, seed=0).to(device)

    def loss(logits: Tensor, _: Tensor, drawn: Tensor) -> Tensor:
        return functional.cross_entropy(logits, drawn[:, 0])

    plan = Plan(STEPS_TIMED, MASK_RATE, seed=0)
    return min(finetune(built, images, masks, loss, plan) for _ in range(ROUNDS)) / STEPS_TIMED


class KeepingFeatures(nn.Module):
    """A network that labels pixels, and how far its pooled features have moved from those of its start.

    Args:
        network: to train.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        super().__init__()
        self.network = network
        self._start = [deepcopy(network.encoder).eval().requires_grad_(False)]  # a list, so as not to be trained
        self.moved = torch.zeros(())

    @property
    def encoder(self) -> nn.Module:
        """Has a rate of its own; see `build_parameter_groups`."""
        return self.network.encoder

    def forward(self, image: Tensor) -> Tensor:
        """Logits; sets `moved`."""
        maps = self.network.encoder(image)
        with torch.no_grad():
            before = pooled(self._start[0](image))
        self.moved = feature_distillation(pooled(maps), before)
        return self.network.decoder(image, maps, self.network.classify)


def train_on_masks(network: nn.Module, splits: Mapping[str, Pictures], plan: Plan, device: torch.device) -> None:
    """Train a network in place on the masks of several data sets, drawn by the root of their numbers.

    Args:
        network: float32 (batch, 3, side, side) in [0, 1] to logits (batch, one per name in `NAMES`, side, side); what
            `KeepingFeatures` has moved is added to the loss.
        splits: by the folder of the data set.
        plan: how long and how fast.
        device: to compute on.
    """
    chances = np.concatenate([np.full(len(split), 1 / math.sqrt(len(split))) for split in splits.values()])
    tables = [torch.tensor([-1, *map(NAMES.index, STRUCTURES[folder])]) for folder in splits]
    most = max(map(len, tables))
    table = torch.stack([functional.pad(one, (0, most - len(one)), value=-1) for one in tables]).to(device)
    source = torch.cat([torch.full((len(split),), n) for n, split in enumerate(splits.values())]).to(device)

    def loss(logits: Tensor, rows: Tensor, drawn: Tensor) -> Tensor:
        channels = table[source[rows]]
        numbers = channels.gather(1, drawn.flatten(1)).view_as(drawn)
        every = torch.arange(len(NAMES), device=device)
        known = (channels[:, :, None] == every).any(1)
        lost = partial_label_loss(logits, numbers == every[None, :, None, None], known)
        return lost + network.moved if isinstance(network, KeepingFeatures) else lost

    images = torch.cat([split.images for split in splits.values()]).to(device)
    masks = torch.cat([split.masks for split in splits.values()]).to(device)
    network = network.to(device)
    finetune(network, images, masks, loss, plan, chances / chances.sum())


def pooled(maps: Sequence[Tensor]) -> Tensor:
    """Means of the deepest maps, float32 (batch, channels)."""
    return torch.cat([one.float().mean((2, 3)) for one in maps[-POOLED_MAPS:]], 1)


def partial_label_loss(logits: Tensor, present: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy and soft Dice of the channels that are known.

    Args:
        logits: float32 (batch, channels, height, width).
        present: bool, likewise.
        known: bool (batch, channels).
    """
    target, weight = present.float(), known.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((2, 3))
    score = logits.sigmoid()
    overlap, total = (score * target).sum((2, 3)), (score + target).sum((2, 3))
    lost = entropy + 1 - (2 * overlap + 1) / (total + 1)
    return (lost * weight).sum() / weight.sum()
