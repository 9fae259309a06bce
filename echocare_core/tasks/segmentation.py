"""Segmentation: the encoder's five feature maps, climbed down to a label for every pixel."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from monai.networks.blocks import UnetrUpBlock
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.errors import SettingsError
from echocare_core.models import EncoderProfile, starting_encoder


class SegmentationNetwork(nn.Module):
    """An encoder with a U-shaped decoder, in the manner of Swin UNETR v2 (He et al., MICCAI 2023).

    Each feature map is brought to the width of its rung; the deepest is doubled in size and joined with the next finer
    one, four times, and once more with the image itself, whose detail the patches have averaged away.

    Args:
        labels: number of output channels, the background included.
        encoder: name of the encoder's profile, or its numbers.
        encoder_weights: file of such an encoder to start from, "embedded", or None; see `starting_encoder`.
        width: channels of the finest rungs; deeper rungs have twice as many, at most `width_limit`.
        width_limit: most channels of any rung.
    """

    def __init__(
        self,
        *,
        labels: int,
        encoder: str | EncoderProfile,
        encoder_weights: str | Path | None = None,
        width: int,
        width_limit: int,
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights)
        profile: EncoderProfile = self.encoder.profile
        self.image_stride = max(1, profile.patch_size // 2)
        self.size_divisor = profile.strides[-1]
        widths = [min(width * 2**rung, width_limit) for rung in range(len(profile.channels))]
        self.project = nn.ModuleList(
            nn.Conv2d(channels, wide, kernel_size=1) for channels, wide in zip(profile.channels, widths, strict=True)
        )
        self.climb = nn.ModuleList(_rung(deep, fine) for fine, deep in pairwise(widths))
        self.stem = nn.Conv2d(3, width, kernel_size=3, stride=self.image_stride, padding=1)
        self.last_rung = _rung(widths[0], width)
        self.classify = nn.Conv2d(width, labels, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright; both sides multiples of `size_divisor`.

        Returns:
            Logits (batch, labels, height, width).

        Raises:
            SettingsError: a side that is not such a multiple.
        """
        height, width = image.shape[-2:]
        if height % self.size_divisor or width % self.size_divisor:
            raise SettingsError(
                f"Image of {height}x{width} px; needed sides that are multiples of {self.size_divisor} px. "
                f"Pad or resize it in the preprocessing."
            )
        maps = [project(features) for project, features in zip(self.project, self.encoder(image), strict=True)]
        x = maps.pop()
        for climb in reversed(self.climb):
            x = climb(x, maps.pop())
        logits = self.classify(self.last_rung(x, self.stem(image)))
        if self.image_stride == 1:
            return logits
        return functional.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)


def _rung(deep: int, fine: int) -> UnetrUpBlock:
    return UnetrUpBlock(
        spatial_dims=2,
        in_channels=deep,
        out_channels=fine,
        kernel_size=3,
        upsample_kernel_size=2,
        norm_name="instance",
        res_block=True,
    )
