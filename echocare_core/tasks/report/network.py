"""The network of a report: an encoder looks at the whole scan and closer at the lesion, one layer per descriptor."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from echocare_core.models import EncoderProfile, starting_encoder
from echocare_core.tasks.report.lexicon import Lexicon


class ReportNetwork(nn.Module):
    """One frozen encoder for both pictures, the means of its deepest maps side by side, a linear layer per descriptor.

    The means are standardised, since little is learned from a few images by what stands on other scales. The layers
    stand in one, which begins at 0 and whose outputs are those of the descriptors one after the other
    (`Lexicon.sizes`).

    Args:
        lexicon: its descriptors.
        encoder: name of the encoder's profile, or its numbers.
        encoder_weights: file of such an encoder to start from, "embedded", or None; see `starting_encoder`.
        dropout: share of the features that is dropped in training.
    """

    def __init__(
        self,
        *,
        lexicon: Lexicon,
        encoder: str | EncoderProfile,
        encoder_weights: str | Path | None = None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights).requires_grad_(False)
        channels = 2 * self.encoder.profile.channels[-1]
        descriptors = nn.Linear(channels, sum(lexicon.sizes))
        nn.init.zeros_(descriptors.weight)
        self.head = nn.Sequential(nn.BatchNorm1d(channels, affine=False), nn.Dropout(dropout), descriptors)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes of all descriptors).

        Args:
            image: float32 (batch, 6, height, width) in [0, 1], upright: the whole scan in three channels, then the
                surroundings of the lesion.
        """
        looks = torch.cat(image.split(3, dim=1))
        pooled = self.encoder(looks)[-1].mean(dim=(-2, -1))
        return self.head(torch.cat(pooled.chunk(2), dim=1))
