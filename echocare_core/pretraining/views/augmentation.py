"""Augmented views of a batch on its device: random crops, gain, depth attenuation and speckle.

The changes are those that another probe position or another setting of the scanner would make. Every number is drawn
by `counter`, so a view depends on the seed, the image's place in the stream and the number of the view, and on nothing
else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.errors import SettingsError
from echocare_core.pretraining.views.counter import normal, uniform

BLACK = 0.02  # up to which a pixel outside the sector is background


@dataclass(frozen=True)
class ViewSettings:
    """How strongly views differ; all ranges are drawn from evenly.

    Attributes:
        area: least share of the picture's area that a crop keeps, 0.01 to 1.
        aspect: greatest ratio of the crop's sides, 1 or more.
        rotation_degrees: greatest rotation to either side.
        flip: probability of a mirror image (left and right).
        gamma: greatest exponent; the least is its inverse.
        gain: greatest relative change of brightness.
        depth_gain: greatest relative change of brightness from top to bottom, as a time gain control makes.
        speckle: greatest standard deviation of multiplicative noise.
        blur: probability of a 3x3 binomial blur.
    """

    area: float = 0.4
    aspect: float = 1.33
    rotation_degrees: float = 15.0
    flip: float = 0.5
    gamma: float = 1.6
    gain: float = 0.3
    depth_gain: float = 0.3
    speckle: float = 0.1
    blur: float = 0.3

    def __post_init__(self) -> None:
        limits = {"area": (0.01, 1), "aspect": (1, 10), "flip": (0, 1), "gamma": (1, 10), "blur": (0, 1)}
        for name, value in vars(self).items():
            low, high = limits.get(name, (0, math.inf))
            if not isinstance(value, int | float) or not low <= value <= high:
                raise SettingsError(f"The views' {name} is {value!r}; needed a number from {low} to {high}.")


@dataclass(frozen=True)
class AugmentedView:
    """One view of each image of a batch.

    Attributes:
        image: float32 (batch, 3, size, size) in [0, 1], black outside the picture.
        inside: bool (batch, 1, size, size), the scan sector.
        affine: float32 (batch, 2, 3), where in the picture the view lies: (x, y, 1) of the view to (x, y) of the
            picture, both from -1 to 1 across.
    """

    image: Tensor
    inside: Tensor
    affine: Tensor


def prepare_pixels(image: Tensor, inside_sector: Tensor, size: int) -> Tensor:
    """Pictures and their sectors as `make_view` samples them, once for all views.

    Args:
        image: uint8 (batch, 3, side, side).
        inside_sector: uint8 or bool (batch, 1, side, side).
        size: side of the views in px; pictures of twice that or more are averaged down.

    Returns:
        float32 (batch, 4, side, side) in [0, 1].
    """
    pixels = torch.cat([image.float() / 255, inside_sector.float()], 1)
    side = image.shape[-1]
    coarser = max(step for step in range(1, max(1, side // size) + 1) if side % step == 0)
    return functional.avg_pool2d(pixels, coarser) if coarser > 1 else pixels


def make_view(
    pixels: Tensor, positions: Tensor, view: str, size: int, settings: ViewSettings, seed: int
) -> AugmentedView:
    """One view of each image of a batch.

    Args:
        pixels: what `prepare_pixels` gave.
        positions: int64 (batch,), place of each image in the stream of the run.
        view: name of the view; each has changes of its own.
        size: side of the view in px.
        settings: how strong the changes are.
        seed: of the run.
    """
    drawn = uniform(seed, f"view {view}", positions, 12)
    affine = _affine(drawn[:, :6], settings)
    grid = functional.affine_grid(affine, [len(pixels), 4, size, size], align_corners=False)
    sampled = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    content, inside = sampled[:, :3], sampled[:, 3:] >= 0.5
    changed = _change_gain(content, drawn[:, 6:9], settings)
    if settings.blur:
        changed = torch.where((drawn[:, 9] < settings.blur)[:, None, None, None], _blur(changed), changed)
    if settings.speckle:
        strength = (settings.speckle * drawn[:, 10])[:, None, None, None]
        changed = changed * (1 + _grain(seed, view, positions, size) * strength)
    return AugmentedView(changed.clamp(0, 1) * _has_content(inside, content), inside, affine)


def move_pixel_label(label: Tensor, affine: Tensor, size: int) -> Tensor:
    """Labels of the pixels that a view shows, by nearest neighbour.

    Args:
        label: uint8 (batch, 1, side, side), of the pictures.
        affine: of the view; see `AugmentedView`.
        size: side of the view in px.

    Returns:
        uint8 (batch, size, size), 0 beyond the picture.
    """
    grid = functional.affine_grid(affine, [len(label), 1, size, size], align_corners=False)
    moved = functional.grid_sample(label.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved[:, 0].byte()


def plain_view(image: Tensor, inside_sector: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The whole picture at `size` px, unchanged otherwise, and its sector; see `AugmentedView`."""
    pixels = functional.interpolate(image.float() / 255, size=(size, size), mode="bilinear", antialias=True)
    inside = functional.interpolate(inside_sector.float(), size=(size, size), mode="area")
    return pixels.clamp(0, 1), inside >= 0.5


def _has_content(inside: Tensor, content: Tensor) -> Tensor:
    """1 where there is something to see: black background stays black whatever the gain."""
    return (inside | (content.amax(1, keepdim=True) > BLACK)).to(content.dtype)


def _affine(drawn: Tensor, settings: ViewSettings) -> Tensor:
    """Crop, turn and mirror as one affine map, `AugmentedView.affine`."""
    area = settings.area + (1 - settings.area) * drawn[:, 0]
    stretch = torch.exp((2 * drawn[:, 1] - 1) * math.log(settings.aspect) / 2)
    width, height = (area.sqrt() * stretch).clamp(max=1), (area.sqrt() / stretch).clamp(max=1)
    left, top = (2 * drawn[:, 2] - 1) * (1 - width), (2 * drawn[:, 3] - 1) * (1 - height)
    angle = (2 * drawn[:, 4] - 1) * math.radians(settings.rotation_degrees)
    mirror = torch.where(drawn[:, 5] < settings.flip, -1.0, 1.0)
    rows = [
        torch.stack([mirror * width * angle.cos(), -height * angle.sin(), left], 1),
        torch.stack([mirror * width * angle.sin(), height * angle.cos(), top], 1),
    ]
    return torch.stack(rows, 1)


def _change_gain(image: Tensor, drawn: Tensor, settings: ViewSettings) -> Tensor:
    """Gamma, gain and a gain that changes with depth."""
    centred = (2 * drawn - 1)[:, :, None, None, None]
    exponent = torch.exp(centred[:, 0] * math.log(settings.gamma))
    depth = torch.linspace(-1, 1, image.shape[-2], device=image.device)[None, None, :, None]
    gain = 1 + settings.gain * centred[:, 1] + settings.depth_gain * centred[:, 2] * depth
    return (image.clamp(1e-4, 1) ** exponent) * gain


def _grain(seed: int, view: str, positions: Tensor, size: int) -> Tensor:
    """Noise with grains of two pixels, as speckle has: (batch, 1, size, size)."""
    side = -(-size // 2)
    grain = normal(seed, f"speckle {view}", positions, side * side).view(-1, 1, side, side)
    return grain.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :size, :size]


def _blur(image: Tensor) -> Tensor:
    padded = functional.pad(image, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, _binomial_kernel(image.device), groups=3)


@cache
def _binomial_kernel(device: torch.device) -> Tensor:
    row = torch.tensor([0.25, 0.5, 0.25])
    return (row[:, None] * row[None, :]).expand(3, 1, 3, 3).to(device)
