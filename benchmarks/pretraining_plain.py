"""The pretraining step as one writes it first: MONAI's encoder, and loops over the images of a batch.

It is what `benchmarks/pretraining.py` compares with. Views, masks and the losses of the tree and of the contrast are
written for one image after the other, or as a tutorial has them; decoder, heads and reconstruction loss are those of
the package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.models import EchoCare, EncoderProfile
from echocare_core.models.echocare import View
from echocare_core.pretraining.losses.reconstruction import masked_l1
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.pretraining.stages import Stage
from echocare_core.pretraining.views.augmentation import ViewSettings

SMALLEST = 1e-7  # probability in a logarithm
LIT = 0.02  # brightness above which a pixel is no black background
BINOMIAL = (0.25, 0.5, 0.25)


class MonaiEncoder(nn.Module):
    """MONAI's network with a mask token in the place of the embeddings of hidden patches (SimMIM)."""

    def __init__(self, profile: EncoderProfile) -> None:
        super().__init__()
        self.network = SwinTransformer(
            in_chans=3,
            embed_dim=profile.embed_dim,
            window_size=[profile.window_size] * 2,
            patch_size=[profile.patch_size] * 2,
            depths=profile.depths,
            num_heads=profile.num_heads,
            mlp_ratio=profile.mlp_ratio,
            spatial_dims=2,
            use_v2=True,
        )
        self.mask_token = nn.Parameter(torch.zeros(1, profile.embed_dim, 1, 1))
        self.masked: Tensor | None = None
        self.network.patch_embed.register_forward_hook(self._hide)

    def forward(self, image: Tensor, masked: Tensor | None = None) -> list[Tensor]:
        """Five maps of (batch, 3, height, width); `masked` is bool (batch, rows, columns), True = hidden."""
        self.masked = masked
        return self.network(image)

    def _hide(self, module: nn.Module, inputs: tuple[Tensor], embeddings: Tensor) -> Tensor:
        if self.masked is None:
            return embeddings
        hidden = functional.interpolate(self.masked[:, None].to(embeddings.dtype), size=embeddings.shape[2:])
        return embeddings * (1 - hidden) + self.mask_token * hidden


class PlainStep:
    """One step of the optimiser: a view with hidden patches, a plain one, three losses, gradients and AdamW.

    Args:
        network: with a `MonaiEncoder`.
        optimizer: of its parameters.
        tree: of organs.
        stage: sizes and mask ratio.
        views: how strongly views differ.
        temperature: of the contrast.
        clip_norm: greatest norm of the gradient.
        precision: float32, or another type for autocast.
    """

    def __init__(
        self,
        network: EchoCare,
        optimizer: torch.optim.Optimizer,
        tree: OrganTree,
        stage: Stage,
        views: ViewSettings,
        *,
        temperature: float,
        clip_norm: float,
        precision: torch.dtype,
    ) -> None:
        self.network, self.optimizer, self.stage, self.views = network, optimizer, stage, views
        self.temperature, self.clip_norm, self.precision = temperature, clip_norm, precision
        device = next(network.parameters()).device
        self.ancestors = torch.from_numpy(tree.ancestors).to(device)
        self.depth = torch.from_numpy(tree.depth).to(device)

    def __call__(self, batch: Mapping[str, Tensor]) -> float:
        """Make the step with image uint8 (batch, 3, side, side), inside_sector and node; it returns the loss."""
        self.network.train()
        self.optimizer.zero_grad()
        device = self.depth.device
        image, sector, nodes = (batch[name].to(device) for name in ("image", "inside_sector", "node"))
        views = [self._view(image, sector, hides) for hides in (True, False)]
        with torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32):
            hidden, plain = self.network(views, self.stage.terms)
        scored = views[0].masked & views[0].inside
        loss = masked_l1(hidden.reconstruction, views[0].image, scored)
        loss = loss + tree_loss(plain.logits, nodes, self.ancestors, self.depth)
        loss = loss + nt_xent(hidden.embedding, plain.embedding, self.temperature)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        self.optimizer.step()
        return float(loss.detach())

    def _view(self, image: Tensor, sector: Tensor, hides: bool) -> View:
        made = [view_of(*one, self.stage.image_size, self.views) for one in zip(image, sector, strict=True)]
        pixels, inside = (torch.stack(part) for part in zip(*made, strict=True))
        patches = [functional.avg_pool2d(one.float(), self.stage.mask_patch)[0] >= 0.5 for one in inside]
        masked = torch.stack([hidden_of(one, self.stage.mask_ratio) for one in patches]) if hides else None
        return View("masked" if hides else "plain", pixels, torch.stack(patches), masked)


def view_of(image: Tensor, sector: Tensor, size: int, settings: ViewSettings) -> tuple[Tensor, Tensor]:
    """A view of one image, with the changes that `make_view` makes.

    Args:
        image: uint8 (3, side, side).
        sector: uint8 (1, side, side).
        size: side of the view in px.
        settings: how strong the changes are.

    Returns:
        float (3, size, size) in [0, 1], and bool (1, size, size), inside the sector.
    """
    area, stretch = drawn(settings.area, 1), math.exp(drawn(-1, 1) * math.log(settings.aspect) / 2)
    width, height = min(1.0, math.sqrt(area) * stretch), min(1.0, math.sqrt(area) / stretch)
    angle = math.radians(drawn(-1, 1) * settings.rotation_degrees)
    mirror = -1 if drawn(0, 1) < settings.flip else 1
    turned = torch.tensor(
        [
            [mirror * width * math.cos(angle), -height * math.sin(angle), drawn(-1, 1) * (1 - width)],
            [mirror * width * math.sin(angle), height * math.cos(angle), drawn(-1, 1) * (1 - height)],
        ]
    ).to(image.device)
    grid = functional.affine_grid(turned[None], [1, 3, size, size], align_corners=False)
    pixels = functional.grid_sample(image[None].float() / 255, grid, align_corners=False)[0]
    inside = functional.grid_sample(sector[None].float(), grid, mode="nearest", align_corners=False)[0] > 0
    lit = inside | (pixels.amax(0, keepdim=True) > LIT)
    depth = torch.linspace(-1, 1, size, device=image.device)[:, None]
    pixels = pixels.clamp(1e-4, 1) ** math.exp(drawn(-1, 1) * math.log(settings.gamma))
    pixels = pixels * (1 + settings.gain * drawn(-1, 1) + settings.depth_gain * drawn(-1, 1) * depth)
    if drawn(0, 1) < settings.blur:
        row = torch.tensor(BINOMIAL, device=image.device)
        kernel = (row[:, None] * row).expand(3, 1, 3, 3)
        pixels = functional.conv2d(functional.pad(pixels[None], (1, 1, 1, 1), mode="replicate"), kernel, groups=3)[0]
    grain = torch.randn(1, -(-size // 2), -(-size // 2), device=image.device)
    grain = grain.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :size, :size]
    return (pixels * (1 + settings.speckle * drawn(0, 1) * grain)).clamp(0, 1) * lit, inside


def drawn(low: float, high: float) -> float:
    """A random number between two."""
    return float(torch.empty(()).uniform_(low, high))


def hidden_of(inside: Tensor, ratio: float) -> Tensor:
    """Patches of one image to hide, a share of those inside the sector: bool (rows, columns) to the same."""
    candidates = (inside if inside.any() else torch.ones_like(inside)).flatten().nonzero()[:, 0]
    count = max(1, round(len(candidates) * ratio))
    masked = torch.zeros(inside.numel(), dtype=torch.bool, device=inside.device)
    masked[candidates[torch.randperm(len(candidates), device=inside.device)[:count]]] = True
    return masked.view_as(inside)


def nt_xent(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Two-view contrast (SimCLR, Chen et al., ICML 2020, equation 1); float (batch, channels) each."""
    both = functional.normalize(torch.cat([one, other]).float(), dim=1)
    scores = (both @ both.t() / temperature).fill_diagonal_(-torch.inf)
    places = torch.arange(len(both), device=both.device)
    return functional.cross_entropy(scores, places.roll(len(one)))


def tree_loss(logits: Tensor, nodes: Tensor, ancestors: Tensor, depth: Tensor) -> Tensor:
    """What `tree_min_loss` computes (arXiv 2203.14335, equation 5), image by image and level by level."""
    on_levels = [depth == level for level in range(int(depth.max()) + 1)]
    sums, counts = [logits.new_zeros((), dtype=torch.float32) for _ in on_levels], [0 for _ in on_levels]
    for scores, node in zip(logits.float().sigmoid(), nodes.tolist(), strict=True):
        if node < 0:
            continue
        for level, on_level in enumerate(on_levels):
            least = torch.where(ancestors[on_level], scores, torch.inf).amin(1)
            greatest = torch.where(ancestors.t()[on_level], scores, -torch.inf).amax(1)
            positive = ancestors[node][on_level]
            negative = ~positive & ~ancestors[:, node][on_level]
            sums[level] = sums[level] - least[positive].clamp(min=SMALLEST).log().sum()
            sums[level] = sums[level] - (1 - greatest[negative]).clamp(min=SMALLEST).log().sum()
            counts[level] += int((positive | negative).sum())
    return sum(total / max(1, count) for total, count in zip(sums, counts, strict=True))
