"""The encoder: MONAI's two-dimensional Swin transformer with convolutions before each stage (Swin UNETR v2).

`released` is the network of the published EchoCare weights, number by number; the smaller profiles are the same network
at sizes that train and run on two CPU cores. Every profile turns an upright RGB image in [0, 1], without mean or
standard deviation taken off, into five feature maps.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from monai.networks.nets.swin_unetr import SwinTransformer

from echocare_core.errors import SettingsError

IMAGE_CHANNELS = 3


@dataclass(frozen=True)
class EncoderProfile:
    """The numbers that define an encoder; each of them can be read off its weights.

    Attributes:
        embed_dim: channels of the first feature map; each further map has twice as many.
        depths: transformer blocks per stage.
        num_heads: attention heads per stage.
        patch_size: pixels per token along each axis; the maps have strides patch_size * (1, 2, 4, 8, 16).
        window_size: tokens per attention window along each axis.
        mlp_ratio: hidden channels of each feed-forward block over its channels.
    """

    embed_dim: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    patch_size: int = 2
    window_size: int = 8
    mlp_ratio: float = 4.0

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the five feature maps, finest first."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.depths) + 1))

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the image per element of the five feature maps, finest first."""
        return tuple(self.patch_size * 2**stage for stage in range(len(self.depths) + 1))


PROFILES = {
    "released": EncoderProfile(embed_dim=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
    "small": EncoderProfile(embed_dim=24, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), patch_size=4),
    "tiny": EncoderProfile(embed_dim=16, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), patch_size=4),
}


def build_encoder(profile: str | EncoderProfile) -> SwinTransformer:
    """Build an encoder with random weights.

    Args:
        profile: a name in `PROFILES`, or the numbers themselves.

    Returns:
        MONAI's `SwinTransformer`. Called with float32 (batch, 3, height, width) in [0, 1], upright, it returns five
        maps (batch, profile.channels[i], height / profile.strides[i], width / profile.strides[i]), each normalised over
        its channels. Its `profile` holds the numbers; its `mask_token` (1, embed_dim, 1, 1) stands in for hidden
        patches in pretraining and is kept out of `state_dict()`, where the published network has no place for it.

    Raises:
        SettingsError: an unknown profile name.
    """
    if isinstance(profile, str):
        if profile not in PROFILES:
            raise SettingsError(f"Unknown encoder profile '{profile}'; needed one of {', '.join(PROFILES)}.")
        profile = PROFILES[profile]
    encoder = SwinTransformer(
        in_chans=IMAGE_CHANNELS,
        embed_dim=profile.embed_dim,
        window_size=[profile.window_size] * 2,
        patch_size=[profile.patch_size] * 2,
        depths=profile.depths,
        num_heads=profile.num_heads,
        mlp_ratio=profile.mlp_ratio,
        qkv_bias=True,
        spatial_dims=2,
        use_v2=True,
    )
    encoder.profile = profile
    encoder.register_buffer("mask_token", torch.zeros(1, profile.embed_dim, 1, 1), persistent=False)
    return encoder


def describe(profile: EncoderProfile) -> str:
    """The numbers of a profile in one line, for messages."""
    named = [name for name, known in PROFILES.items() if known == profile]
    numbers = ", ".join(f"{name}={value}" for name, value in asdict(profile).items())
    return f"{named[0]} ({numbers})" if named else numbers
