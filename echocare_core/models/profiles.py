"""The numbers that define an encoder, and the named sets of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from echocare_core.errors import SettingsError


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
    "base": EncoderProfile(embed_dim=32, depths=(2, 2, 6, 2), num_heads=(2, 4, 8, 16), patch_size=4),
    "small": EncoderProfile(embed_dim=24, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), patch_size=4),
    "tiny": EncoderProfile(embed_dim=16, depths=(2, 2, 4, 2), num_heads=(1, 2, 4, 8), patch_size=4),
}


def named_profile(profile: str | EncoderProfile) -> EncoderProfile:
    """The profile of that name, or the one given.

    Raises:
        SettingsError: an unknown name.
    """
    if isinstance(profile, EncoderProfile):
        return profile
    if profile not in PROFILES:
        raise SettingsError(f"Unknown encoder profile '{profile}'; needed one of {', '.join(PROFILES)}.")
    return PROFILES[profile]


def describe(profile: EncoderProfile) -> str:
    """The numbers of a profile in one line, for messages."""
    named = [name for name, known in PROFILES.items() if known == profile]
    numbers = ", ".join(f"{name}={value}" for name, value in asdict(profile).items())
    return f"{named[0]} ({numbers})" if named else numbers
