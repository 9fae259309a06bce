"""A ladder of corrections, from coarse to fine, and what it learns by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.blocks import ResidualUnit
from torch import Tensor, nn
from torch.nn import functional


class EnhancementNetwork(nn.Module):
    """The picture plus a correction, which a pyramid builds up from coarse to fine.

    A U-Net without normalisation, whose levels each add what the coarser ones could not: the Laplacian pyramid of Lai
    et al. (CVPR 2017, arXiv 1704.03915, equation 1), in which a level predicts the residual of its scale alone. The
    correction is of one channel, since the grey of an ultrasound picture is one number, and it starts at zero, so that
    an untrained network gives back what it got.

    Args:
        widths: channels of each level, the finest first, which has half the resolution of the picture.
        blocks: residual blocks of each level on the way down, and on the way up.
    """

    def __init__(self, *, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.size_divisor = 2 ** len(widths)
        levels = list(pairwise(widths))
        self.stem = nn.Conv2d(4, widths[0], kernel_size=3, padding=1)
        self.down = nn.ModuleList(_blocks(fine, blocks) for fine, _ in levels)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in levels)
        self.deepest = _blocks(widths[-1], blocks)
        self.lowest_rung = _rung(widths[-1])
        self.grow = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in reversed(levels))
        self.up = nn.ModuleList(_blocks(fine, blocks) for fine, _ in reversed(levels))
        self.rungs = nn.ModuleList(_rung(fine) for fine, _ in reversed(levels))

    def forward(self, image: Tensor) -> Tensor:
        """Correct a picture of any size.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright.

        Returns:
            The same shape; all three channels are changed by the same amount.
        """
        height, width = image.shape[-2], image.shape[-1]
        below, right = -height % self.size_divisor, -width % self.size_divisor
        grey = functional.pad(image.mean(dim=1, keepdim=True), [0, right, 0, below], mode="replicate")
        features = self.stem(functional.pixel_unshuffle(grey, 2))
        skips: list[Tensor] = []
        for down, shrink in zip(self.down, self.shrink):  # noqa: B905  (TorchScript knows no strict)
            skips.append(down(features))
            features = shrink(skips[-1])
        features = self.deepest(features)
        correction = functional.pixel_shuffle(self.lowest_rung(features), 2)
        for grow, up, rung in zip(self.grow, self.up, self.rungs):  # noqa: B905
            features = up(grow(features) + skips.pop())
            coarser = functional.interpolate(correction, scale_factor=2.0, mode="bilinear", align_corners=False)
            correction = coarser + functional.pixel_shuffle(rung(features), 2)
        return image + correction[..., :height, :width]


def _blocks(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        *(
            ResidualUnit(2, width, width, subunits=2, adn_ordering="A", act="relu", norm=None, last_conv_only=True)
            for _ in range(blocks)
        )
    )


def _rung(width: int) -> nn.Conv2d:
    """What a level corrects, at twice its resolution once its four channels are put side by side; zero at first."""
    rung = nn.Conv2d(width, 4, kernel_size=3, padding=1)
    for parameter in rung.parameters():
        nn.init.zeros_(parameter)
    return rung


class EnhancementLoss(nn.Module):
    """How far a picture is from its original, and how far its steps from pixel to pixel are, so that edges count.

    Both by Charbonnier's penalty sqrt(d^2 + epsilon^2) (Lai et al., equation 3), which speckle that nobody can predict
    pulls less at than squares.

    Args:
        epsilon: below this difference the penalty is a square.
        gradient: weight of the steps.
    """

    def __init__(self, *, epsilon: float, gradient: float) -> None:
        super().__init__()
        self.epsilon, self.gradient = epsilon, gradient

    def forward(self, enhanced: Tensor, original: Tensor) -> Tensor:
        """Mean penalty of two pictures (batch, channels, height, width)."""
        error = enhanced - original
        steps = self._penalty(error.diff(dim=-1)).mean() + self._penalty(error.diff(dim=-2)).mean()
        return self._penalty(error).mean() + self.gradient * steps

    def _penalty(self, error: Tensor) -> Tensor:
        return torch.sqrt(error * error + self.epsilon**2)
