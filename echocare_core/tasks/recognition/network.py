"""The network that recognises: a frozen encoder, a logit for each node of a tree that is known, and the strangeness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.models import EncoderProfile, starting_encoder
from echocare_core.pretraining.organs.tree import OrganTree, read_tree
from echocare_core.tasks.strangeness import Strangeness


def read_known_tree(path: str | Path, known: Sequence[str]) -> OrganTree:
    """The part of an organ tree that a bundle knows.

    Args:
        path: of the tree, see `read_tree`.
        known: names of its nodes; all nodes above them are known with them.

    Returns:
        A tree of those nodes alone.

    Raises:
        TableError: a tree that cannot be read, or a name that it does not have.
    """
    tree = read_tree(path)
    kept = np.any(tree.ancestors[[tree.find(name) for name in known]], axis=0).tolist()
    return OrganTree(node for node, keep in zip(tree.nodes, kept, strict=True) if keep)


class RecognitionNetwork(nn.Module):
    """A frozen encoder, the means of its deepest maps and of colour, a logit for each node, and the strangeness.

    Means are taken where the picture is: rows and columns that are black from end to end, as padding is, do not count.

    Args:
        nodes: of the tree that is known (`read_known_tree`).
        encoder: name of the encoder's profile, or its numbers.
        maps: how many of the deepest feature maps.
        black: of values in [0, 1]; what is as dark in all colours, or darker, is no part of the picture.
        encoder_weights: see `starting_encoder`.
    """

    def __init__(
        self,
        *,
        nodes: int,
        encoder: str | EncoderProfile,
        maps: int,
        black: float,
        encoder_weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights).requires_grad_(False)
        self.maps, self.black = maps, black
        channels = sum(self.encoder.profile.channels[-maps:]) + 1
        self.strangeness = Strangeness(channels, nodes)
        self.head = nn.Linear(channels, nodes)

    def pool(self, image: Tensor) -> Tensor:
        """Means of the deepest maps, then of the colour, (batch, channels); of images as `forward` takes them."""
        brightest, darkest = image.amax(dim=1, keepdim=True), image.amin(dim=1, keepdim=True)
        seen = (brightest > self.black).to(image.dtype)
        inside = seen.amax(dim=3, keepdim=True) * seen.amax(dim=2, keepdim=True)  # (batch, 1, height, width)
        maps = [*self.encoder(image)[-self.maps :], brightest - darkest]
        return torch.cat([_mean_inside(features, inside) for features in maps], dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """Recognise pictures.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright.

        Returns:
            float32 (batch, nodes + 1): a logit for each node, then the strangeness.
        """
        pooled = self.strangeness.normalise(self.pool(image))
        return torch.cat([self.head(pooled), self.strangeness(pooled)[:, None]], dim=1)


def _mean_inside(features: Tensor, inside: Tensor) -> Tensor:
    """Means (batch, channels) of a map over the part of the picture that is 1 in `inside` (batch, 1, height, width)."""
    shares = functional.interpolate(inside, size=features.shape[2:], mode="area")
    return (features * shares).sum((2, 3)) / shares.sum((2, 3)).clamp(min=1.0)
