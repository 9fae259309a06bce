"""Feature maps back to pixels: the published ladder on the deepest map, and a pyramid on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from echocare_core.errors import SettingsError
from echocare_core.models.encoder import IMAGE_CHANNELS
from echocare_core.models.profiles import EncoderProfile


class LadderDecoder(nn.Module):
    """From the deepest map alone: [3x3 convolution, instance norm, leaky rectifier, twice the size] to full size.

    For the released profile 2048-1024-512-256-128-128 channels, then a 1x1 convolution to pixels.
    """

    def __init__(self, profile: EncoderProfile) -> None:
        super().__init__()
        steps = profile.strides[-1].bit_length() - 1
        widths = [*profile.channels[::-1], *[profile.embed_dim] * steps][: steps + 1]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(wide, narrow, kernel_size=3, padding=1) for wide, narrow in pairwise(widths)
        )
        self.pixels = nn.Conv2d(widths[-1], IMAGE_CHANNELS, kernel_size=1)

    def forward(self, maps: Sequence[Tensor], *, predict_loss: bool = False) -> tuple[Tensor, None]:
        """Five maps to (batch, 3, height, width), multiples of the deepest stride, and no predicted loss.

        Raises:
            SettingsError: a deepest map of one element.
        """
        features = maps[-1]
        if min(features.shape[2:]) < 2:
            raise SettingsError(
                f"The deepest map has {features.shape[2]}x{features.shape[3]} elements; the ladder needs 2x2 for its "
                f"instance norm. Use larger images, or the pyramid."
            )
        for convolution in self.convolutions:
            features = functional.leaky_relu(functional.instance_norm(convolution(features)))
            features = functional.interpolate(features, scale_factor=2.0, mode="bilinear")
        return self.pixels(features), None


class PyramidDecoder(nn.Module):
    """From all maps: each added to the enlarged sum of the deeper ones, then pixels and a predicted loss per patch.

    So the finer maps, on which segmentation builds, learn from the reconstruction too. The hidden patches' own pixels
    are in none of the maps.

    Args:
        profile: of the encoder.
        width: channels of the sums.
    """

    def __init__(self, profile: EncoderProfile, width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(channels, width, kernel_size=1) for channels in profile.channels)
        self.mix = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.pixels = nn.Conv2d(width, IMAGE_CHANNELS * profile.patch_size**2, kernel_size=1)
        self.loss_prediction = nn.Conv2d(width, 1, kernel_size=1)
        self.patch_size = profile.patch_size

    def forward(self, maps: Sequence[Tensor], *, predict_loss: bool = False) -> tuple[Tensor, Tensor | None]:
        """Five maps to pixels (batch, 3, height, width) and, if asked, a loss for each element of the first map."""
        features = self.laterals[-1](maps[-1])
        for lateral, finer in zip(reversed(self.laterals[:-1]), reversed(maps[:-1]), strict=True):
            features = functional.interpolate(functional.leaky_relu(features), size=finer.shape[2:], mode="bilinear")
            features = features + lateral(finer)
        features = functional.leaky_relu(self.mix(functional.leaky_relu(features)))
        pixels = functional.pixel_shuffle(self.pixels(features), self.patch_size)
        return pixels, self.loss_prediction(features)[:, 0] if predict_loss else None
