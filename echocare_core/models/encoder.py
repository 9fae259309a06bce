"""The encoder: a two-dimensional Swin transformer with a residual convolution before each stage (Swin UNETR v2).

The same network as MONAI's `SwinTransformer(spatial_dims=2, use_v2=True)`, with its state dict and its numbers, laid
out for speed: tokens are rows of channels from end to end, stay in the order of their windows through a whole stage
(`windows.py`), and meet in fused attention with position bias and shift mask in one table (`fused.py`). `released` is
the network of the published EchoCare weights; every profile turns an upright RGB image in [0, 1], without mean or
standard deviation taken off, into five feature maps.

References: Swin (Liu et al., ICCV 2021), Swin UNETR v2 (He et al., MICCAI 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from echocare_core.errors import SettingsError
from echocare_core.models.fused import attention, chunks, feed_forward, instance_norm
from echocare_core.models.layers import (
    Convolution,
    DerivedTensorCache,
    LayerNorm,
    Linear,
    cast_together,
    in_precision_of,
    is_compiled,
    is_plain,
    is_planned,
    is_recorded,
)
from echocare_core.models.profiles import EncoderProfile, named_profile
from echocare_core.models.recording import recorded_layout
from echocare_core.models.windows import (
    Partition,
    StageLayout,
    constant_layout,
    relative_positions,
    reorder,
    stage_layout,
)

IMAGE_CHANNELS = 3
LEAK = 0.01  # of the leaky rectifier between the convolutions


def build_encoder(profile: str | EncoderProfile, *, activation_checkpointing: bool = False) -> Encoder:
    """Build an encoder with random weights.

    Args:
        profile: a name in `PROFILES`, or the numbers themselves.
        activation_checkpointing: in training, keep each block's input only and compute the rest again for the
            gradient: less memory, a third more time.

    Raises:
        SettingsError: an unknown profile name.
    """
    return Encoder(named_profile(profile), activation_checkpointing=activation_checkpointing)


class Encoder(nn.Module):
    """Image to five feature maps.

    Called with float (batch, 3, height, width) in [0, 1], upright, it returns five maps (batch, profile.channels[i],
    height / profile.strides[i], width / profile.strides[i], both rounded up), each normalised over its channels, with
    channels last in memory. It computes in the precision of its weights, or in that of `torch.autocast` around it.

    Attributes:
        profile: its numbers.
        mask_token: (1, embed_dim, 1, 1), stands in for hidden patches in pretraining; kept out of `state_dict()`, where
            the published network has no place for it.

    Raises:
        SettingsError: an image of another shape, smaller than one window, or with values that are not finite; where the
            network is recorded only the shape is looked at, and in training on a GPU no values: it would have to wait.
    """

    mask_token: Tensor

    def __init__(self, profile: EncoderProfile, *, activation_checkpointing: bool = False) -> None:
        super().__init__()
        self.profile = profile
        self.activation_checkpointing = activation_checkpointing
        self.patch_embed = PatchEmbedding(profile.embed_dim, profile.patch_size)
        for number, (channels, depth, heads) in enumerate(
            zip(profile.channels[:-1], profile.depths, profile.num_heads, strict=True), start=1
        ):
            stage = Stage(channels, depth, heads, profile.window_size, profile.mlp_ratio)
            self.add_module(f"layers{number}", nn.ModuleList([stage]))
            self.add_module(f"layers{number}c", nn.ModuleList([ResidualConvolution(channels)]))
        self.register_buffer("mask_token", torch.zeros(1, profile.embed_dim, 1, 1), persistent=False)

    def learn_mask_token(self) -> None:
        """Make `mask_token` a parameter, for pretraining, random unless loaded; it is part of `state_dict()` then."""
        token = self.mask_token
        del self.mask_token
        self.mask_token = nn.Parameter(token if token.any() else nn.init.trunc_normal_(token, std=0.02))

    def forward(self, image: Tensor, masked: Tensor | None = None) -> list[Tensor]:
        """Encode a batch of images; see the class.

        Args:
            image: float (batch, 3, height, width).
            masked: bool (batch, rows, columns), True = hidden: `mask_token` stands in for the embeddings of those
                patches (SimMIM, Xie et al., CVPR 2022). The grid may be coarser than the encoder's, in whole patches.
        """
        self._check(image)
        if not is_recorded():
            image = image.as_subclass(Tensor)  # MONAI's MetaTensor cannot be cut along the batch
        kind = image.device.type
        autocast = torch.is_autocast_enabled(kind)
        dtype = torch.get_autocast_dtype(kind) if autocast else self.patch_embed.proj.weight.dtype
        weights = list(self.parameters())  # none where a wrapper holds them elsewhere: then they may well be trained
        frozen = bool(weights) and not any(weight.requires_grad for weight in weights)
        trained = torch.is_grad_enabled() and (image.requires_grad or not frozen)
        with torch.autocast(kind, enabled=False), torch.set_grad_enabled(trained):
            features = self.patch_embed(image.to(dtype).contiguous(memory_format=torch.channels_last))
            if masked is not None:
                features = torch.where(self._hidden(masked, features), self.mask_token.to(dtype), features)
            maps = [_normalize(features)]
            for number in range(1, len(self.profile.depths) + 1):
                features = self.get_submodule(f"layers{number}c.0")(features)
                features = self.get_submodule(f"layers{number}.0")(features, self.activation_checkpointing)
                maps.append(_normalize(features))
        return maps

    @staticmethod
    def _hidden(masked: Tensor, features: Tensor) -> Tensor:
        """The grid of hidden patches at the size of the first map: bool (batch, 1, rows, columns)."""
        rows, columns = features.shape[2] // masked.shape[1], features.shape[3] // masked.shape[2]
        grid = masked.repeat_interleave(rows, 1).repeat_interleave(columns, 2)[:, None]
        if masked.dtype != torch.bool or (len(grid), *grid.shape[2:]) != (len(features), *features.shape[2:]):
            raise SettingsError(
                f"Hidden patches of shape {tuple(masked.shape)}, {masked.dtype}; needed bool (batch, rows, columns): "
                f"a batch of {len(features)}, whole divisors of the {features.shape[2]}x{features.shape[3]} elements "
                f"of the first map."
            )
        return grid

    def _check(self, image: Tensor) -> None:
        profile, shape = self.profile, tuple(image.shape)
        if len(shape) != 4 or shape[0] == 0 or shape[1] != IMAGE_CHANNELS or not image.is_floating_point():
            raise SettingsError(
                f"Image batch of shape {shape}, {image.dtype}; needed floats (batch, {IMAGE_CHANNELS}, height, width) "
                f"in [0, 1]. Repeat a grey image three times, and add the batch axis."
            )
        least = profile.patch_size * profile.window_size
        if not is_recorded() and min(shape[2:]) < least:
            raise SettingsError(
                f"Image of {shape[2]}x{shape[3]} px; needed at least {least}x{least} px, one window of "
                f"{profile.window_size} patches of {profile.patch_size} px. Pad or resize it."
            )
        if is_recorded() or (self.training and not image.is_cpu):
            return
        if not torch.isfinite(image).all():
            count = int((~torch.isfinite(image)).sum())
            raise SettingsError(
                f"Image batch of shape {shape} with {count} values that are not finite; needed numbers in [0, 1]. "
                f"Look at the preprocessing."
            )


class PatchEmbedding(nn.Module):
    """Patches of pixels to tokens; the image is padded to whole patches with zeros at the bottom and on the right."""

    def __init__(self, channels: int, patch_size: int) -> None:
        super().__init__()
        self.proj = Convolution(IMAGE_CHANNELS, channels, kernel_size=patch_size, stride=patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 3, height, width) to (batch, channels, height / patch, width / patch)."""
        patch = self.proj.kernel_size[0]
        missing = [-side % patch for side in image.shape[2:]]
        if any(missing):
            image = functional.pad(image, (0, missing[1], 0, missing[0]))
        return self.proj(image)


class ResidualConvolution(nn.Module):
    """Two 3x3 convolutions with instance normalisation around which the map goes by (Swin UNETR v2, figure 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = ConvolutionPair(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same."""
        change = instance_norm(self.layer.conv1.conv(features))
        change = functional.leaky_relu(change, LEAK, inplace=not torch.is_grad_enabled())
        change = instance_norm(self.layer.conv2.conv(change)) + features
        return functional.leaky_relu(change, LEAK, inplace=True)


class ConvolutionPair(nn.Module):
    """The two under the names of the published checkpoint."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = NamedConvolution(channels), NamedConvolution(channels)


class NamedConvolution(nn.Module):
    """One of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Convolution(channels, channels, kernel_size=3, padding=1, bias=False)


class Stage(nn.Module):
    """Transformer blocks on the tokens of one map, plain and shifted windows in turn, then half the size."""

    def __init__(self, channels: int, depth: int, heads: int, window_size: int, mlp_ratio: float) -> None:
        super().__init__()
        self.window_size = window_size
        self.blocks = nn.ModuleList(
            SwinBlock(channels, heads, window_size, int(channels * mlp_ratio)) for _ in range(depth)
        )
        self.downsample = PatchMerging(channels)

    def forward(self, features: Tensor, activation_checkpointing: bool) -> Tensor:
        """(batch, channels, height, width) to (batch, 2 * channels, height / 2, width / 2), rounded up."""
        batch, channels, height, width = features.shape
        layout = _layout(batch, height, width, self.window_size, features.device)
        tokens = reorder(features.permute(0, 2, 3, 1).reshape(-1, channels), layout.window_partition)
        for number, block in enumerate(self.blocks):
            odd = number % 2
            if layout.cyclic_shift and number:
                tokens = reorder(tokens, layout.cyclic_shift[1 - odd])
            if activation_checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, layout, odd, use_reentrant=False)
            else:
                tokens = block(tokens, layout, odd)
        neighbours = reorder(tokens, layout.window_reverse[(len(self.blocks) - 1) % 2]).view(-1, 4 * channels)
        merged = self.downsample(neighbours).view(batch, -(-height // 2), -(-width // 2), 2 * channels)
        return merged.permute(0, 3, 1, 2)


class SwinBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)) (Swin, equation 3)."""

    def __init__(self, channels: int, heads: int, window_size: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.norm1 = LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, window_size)
        self.norm2 = LayerNorm(channels)
        self.mlp = FeedForward(channels, hidden)

    def forward(self, tokens: Tensor, layout: StageLayout, odd: int) -> Tensor:
        """Tokens (windows * tokens, channels) in the order of the even or odd partition of `layout`, to the same.

        Without gradients the windows go through in chunks that stay in the processor's cache, and in place.
        """
        if is_recorded():
            return self._train(tokens, layout, odd)
        if torch.is_grad_enabled():
            with cast_together(self, tokens.dtype):
                return self._train(tokens, layout, odd)
        partition = layout.partitions[odd]
        windows = tokens.view(-1, layout.tokens, tokens.shape[-1])
        bias = self.attn.position_bias(layout, odd, tokens.dtype)
        size = layout.tokens * self.hidden * tokens.element_size()
        for some in chunks(len(windows), size) if tokens.is_cpu else [slice(0, len(windows))]:
            chunk, part = windows[some], partition.part(some.start, some.stop)
            chunk += self.attn(self._first(chunk, part), bias, part)
            chunk += self.mlp(self.norm2(chunk))
        return tokens

    def _train(self, tokens: Tensor, layout: StageLayout, odd: int) -> Tensor:
        partition = layout.partitions[odd]
        windows = tokens.view(-1, layout.tokens, tokens.shape[-1])
        bias = self.attn.position_bias(layout, odd, tokens.dtype)
        windows = self.attn(self._first(windows, partition), bias, partition) + windows
        return (self.mlp(self.norm2(windows)) + windows).view_as(tokens)

    def _first(self, windows: Tensor, partition: Partition) -> Tensor:
        normed = self.norm1(windows)
        return normed if partition.real is None else normed * partition.real.to(normed.dtype)


class WindowAttention(nn.Module):
    """Multi-head attention among the tokens of a window, with a learned bias per relative position (Swin, eq. 4)."""

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, window_size: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window_size - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_positions(window_size))
        self.qkv = Linear(channels, 3 * channels)
        self.proj = Linear(channels, channels)
        self.derived = DerivedTensorCache()
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def position_bias(self, layout: StageLayout, odd: int, dtype: torch.dtype) -> Tensor:
        """Bias of each pair of tokens, with the shift mask of each kind of window: (kinds, heads, tokens, tokens).

        A window that shrank to a small map takes the corner of the index, as the published network does. On GPUs and in
        compiled networks each window of a map is a kind of its own.
        """
        tokens, table = layout.tokens, self.relative_position_bias_table
        masks, planned, trained = layout.attention_masks[odd], is_planned(table), torch.is_grad_enabled()
        kinds = layout.window_kinds if odd and planned else None
        if kinds is not None and trained:
            masks, kinds = masks.index_select(0, kinds), None

        def make(table: Tensor) -> Tensor:
            if planned and trained and layout.positions is not None:
                bias = table.t() @ layout.positions.to(table.dtype)  # its gradient adds up in a fixed order
            else:
                bias = table.t()[:, self.relative_position_index[:tokens, :tokens].reshape(-1)]
            return (bias.view(1, self.heads, tokens, tokens) + masks).to(dtype)

        bias = self.derived((layout.window, odd and layout.shift, dtype), make, table)
        return bias if kinds is None else bias.index_select(0, kinds)

    def forward(self, windows: Tensor, bias: Tensor, partition: Partition) -> Tensor:
        """Windows (windows, tokens, channels), normalised, to the same."""
        number, tokens, channels = windows.shape
        qkv = self.qkv(windows).view(number, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = attention(qkv, bias, partition, self.scale)
        return self.proj(mixed.reshape(number, tokens, channels))


class FeedForward(nn.Module):
    """Two linear layers with a Gaussian error linear unit between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = Linear(channels, hidden)
        self.linear2 = Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., channels) to the same; adapters in place of the linear layers, and hooks, are called."""
        if any(not is_plain(layer) for layer in (self.linear1, self.linear2)):
            return self.linear2(functional.gelu(self.linear1(tokens)))
        rows = tokens.reshape(-1, tokens.shape[-1])
        parts = (*in_precision_of(rows, self.linear1), *in_precision_of(rows, self.linear2))
        return feed_forward(rows, *parts).view_as(tokens)


class PatchMerging(nn.Module):
    """Four neighbouring tokens to one of twice the channels (Swin, section 3.1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduction = Linear(4 * channels, 2 * channels, bias=False)
        self.norm = LayerNorm(4 * channels)

    def forward(self, neighbours: Tensor) -> Tensor:
        """(..., 4 * channels) to (..., 2 * channels)."""
        return self.reduction(self.norm(neighbours))


def _layout(batch: int, height: int, width: int, window_size: int, device: torch.device) -> StageLayout:
    """The layout of a stage, kept from call to call, as a constant of a compiled network, or in recorded operations."""
    if not is_recorded():
        return stage_layout(batch, height, width, window_size, device)
    if is_compiled() and not any(isinstance(size, torch.SymInt) for size in (batch, height, width)):
        return constant_layout(batch, height, width, window_size, device)
    return recorded_layout(batch, height, width, window_size, device)


def _normalize(features: Tensor) -> Tensor:
    """A map normalised over its channels, without weights."""
    rows = features.permute(0, 2, 3, 1)
    return functional.layer_norm(rows, rows.shape[-1:]).permute(0, 3, 1, 2)
