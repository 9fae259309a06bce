"""The network that detects: an encoder, a feature pyramid, and at each place of it a box and a score of every class."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.apps.detection.networks.retinanet_network import RetinaNetClassificationHead, RetinaNetRegressionHead
from monai.networks.blocks.feature_pyramid_network import FeaturePyramidNetwork
from torch import Tensor, nn

from echocare_core.errors import SettingsError
from echocare_core.models import EncoderProfile, starting_encoder


class DetectionNetwork(nn.Module):
    """RetinaNet (Lin et al., ICCV 2017) on an encoder, with one anchor at each place of the pyramid.

    Pyramid and heads are MONAI's; the heads are the same at all levels. All of the output is one tensor, so that
    precisions, processes and other engines treat this network as any other: `BoxCoding` makes boxes of it.

    Args:
        classes: number of classes.
        encoder: name of the encoder's profile, or its numbers.
        encoder_weights: file of such an encoder to start from, "embedded", or None; see `starting_encoder`.
        levels: how many of the encoder's deepest maps the pyramid stands on.
        width: channels of the pyramid, a multiple of 8.
        prior_probability: of a class at a place before anything is learned (Lin et al., section 4.1).
    """

    def __init__(
        self,
        *,
        classes: int,
        encoder: str | EncoderProfile,
        encoder_weights: str | Path | None = None,
        levels: int,
        width: int,
        prior_probability: float = 0.01,
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights)
        profile: EncoderProfile = self.encoder.profile
        self.levels, self.size_divisor = levels, profile.strides[-1]
        self.pyramid = FeaturePyramidNetwork(2, list(profile.channels[-levels:]), width)
        self.classify = RetinaNetClassificationHead(width, 1, classes, 2, prior_probability)
        self.locate = RetinaNetRegressionHead(width, 1, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Look at every place.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright; both sides multiples of `size_divisor`.

        Returns:
            (batch, 4 + classes, places): how the box there differs from its anchor, then a logit for each class. Places
            are those of the finest level row by row, then of the next.

        Raises:
            SettingsError: a side that is not such a multiple.
        """
        height, width = image.shape[-2:]
        if height % self.size_divisor or width % self.size_divisor:
            raise SettingsError(
                f"Image of {height}x{width} px; needed sides that are multiples of {self.size_divisor} px. "
                f"Pad or resize it in the preprocessing."
            )
        maps = {str(level): features for level, features in enumerate(self.encoder(image)[-self.levels :])}
        pyramid = list(self.pyramid(maps).values())
        heads = zip(self.locate(pyramid), self.classify(pyramid), strict=True)
        return torch.cat([torch.cat(both, dim=1).flatten(2) for both in heads], dim=2)
