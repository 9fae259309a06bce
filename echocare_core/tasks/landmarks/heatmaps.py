"""The two ends of an axis as one heat-map: what a network is trained towards, and how the ends are read off it.

Which end of an axis is "the first" is no property of the picture: a head that is turned by half a turn looks the same.
A network that has a map for each end has to learn a rule with a jump in it, and is torn between two maps where the rule
changes its mind. So both ends share one map, with a peak each, and who reads them puts them in order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

ROUNDS = 3  # of k-means; it has settled then


class EndsLoss(nn.Module):
    """Cross-entropy of the distribution over all pixels that logits give against two Gaussians about the true ends.

    Each channel is a distribution: a softmax over its pixels (as in Nibali et al., arXiv 1801.07372, section 4).

    Args:
        sigma_px: standard deviation of the Gaussians in pixels of the network's input.
    """

    def __init__(self, sigma_px: float) -> None:
        super().__init__()
        self.sigma_px = sigma_px

    def forward(self, logits: Tensor, ends: Tensor) -> Tensor:
        """The loss, its mean over pictures and axes.

        Args:
            logits: (batch, axes, height, width).
            ends: (batch, axes, 2, 2), (row, column) of both ends in pixels of the picture, in any order; nothing is
                learned from an end that is nan, and from what of its Gaussian lies outside the picture.
        """
        places = ends.to(logits)
        rows, columns = (self._gaussians(places[..., axis], logits.shape[axis - 2]) for axis in (0, 1))
        target = torch.einsum("baer,baec->barc", rows, columns) / 2
        return -(target.flatten(2) * logits.flatten(2).log_softmax(dim=2)).sum(dim=2).mean()

    def _gaussians(self, places: Tensor, side: int) -> Tensor:
        """(..., side): along a side of the picture, of places (...)."""
        pixels = torch.arange(side, device=places.device)
        heights = (-((pixels - places[..., None]) ** 2) / (2 * self.sigma_px**2)).exp()
        return heights.nan_to_num(0.0) / (self.sigma_px * math.sqrt(2 * math.pi))


class Ends(NamedTuple):
    """The ends of axes in a picture.

    Attributes:
        places: (..., axes, 2, 2), (row, column) of both ends in pixels of the map, in no order.
        confidences: (..., axes, 2), 0 to 1.
    """

    places: Tensor
    confidences: Tensor


def read_ends(logits: Tensor, *, radius_px: float) -> Ends:
    """Both ends of each axis, to fractions of a pixel.

    The pixels are parted in two by weighted k-means, begun on both sides of the mean along the direction in which the
    distribution is widest, so that a faint peak is read as well as a high one. On each side an end is the mean
    (soft-argmax: Nibali et al., arXiv 1801.07372, equation 4) of what lies within a radius of the highest pixel, so
    that what is far away does not draw on it. The confidence of an end is the probability there, of the half that
    belongs to it.

    Args:
        logits: (..., axes, height, width).
        radius_px: how far from the highest pixel the mean is taken.
    """
    chances = logits.float().flatten(-2).softmax(dim=-1)
    pixels = torch.cartesian_prod(*(torch.arange(side, device=logits.device) for side in logits.shape[-2:])).float()
    ends = [_read_end(chances * side, pixels, radius_px) for side in _sides(chances, pixels)]
    return Ends(torch.stack([one.places for one in ends], dim=-2), torch.stack([one.confidences for one in ends], -1))


def chances_near(chances: Tensor, places: Tensor, radius_px: float) -> Tensor:
    """How sure ends are: the probability within a radius of each, of the half that belongs to it, 0 to 1.

    Args:
        chances: (..., axes, height, width), each axis a distribution.
        places: (..., axes, 2, 2), (row, column) of its ends.
        radius_px: the radius.
    """
    pixels = torch.cartesian_prod(*(torch.arange(side, device=chances.device) for side in chances.shape[-2:])).float()
    near = (pixels - places[..., None, :]).square().sum(dim=-1) <= radius_px**2
    return (2 * (chances.flatten(-2)[..., None, :] * near).sum(dim=-1)).clamp(max=1.0)


def _sides(chances: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Which pixels (..., pixels) belong to the one end, and which to the other."""
    centre = chances @ pixels
    apart = pixels - centre[..., None, :]
    spread = torch.einsum("...p,...pi,...pj->...ij", chances, apart, apart)
    widest = torch.linalg.eigh(spread.cpu()).eigenvectors[..., -1].to(chances.device)
    ahead = (apart @ widest[..., None])[..., 0] > 0
    for _ in range(ROUNDS):
        middles = [_middle(chances * side, pixels) for side in (ahead, ~ahead)]
        away = [(pixels - middle[..., None, :]).square().sum(dim=-1) for middle in middles]
        ahead = away[0] < away[1]
    return ahead, ~ahead


def _middle(weights: Tensor, pixels: Tensor) -> Tensor:
    return (weights @ pixels) / weights.sum(dim=-1, keepdim=True)


def _read_end(chances: Tensor, pixels: Tensor, radius_px: float) -> Ends:
    """The one end in chances (..., pixels)."""
    highest = pixels[chances.argmax(dim=-1)]
    near = chances * ((pixels - highest[..., None, :]).square().sum(dim=-1) <= radius_px**2)
    return Ends(_middle(near, pixels), (2 * near.sum(dim=-1)).clamp(max=1.0))
