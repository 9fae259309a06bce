"""The ends of two axes of one ellipse, which their heat-maps say together better than each for itself."""

from __future__ import annotations

import math

import torch
from monai.networks.layers import GaussianFilter
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LinearLR

from echocare_core.bounds import check_above_0
from echocare_core.errors import SettingsError
from echocare_core.tasks.landmarks.heatmaps import Ends, chances_near, read_ends

# Adam's first steps are about this long, in pixels of centre and half axes and radians of direction, and its last ones
# near nothing, so that the ends settle.
STEPS, STEP_PX, STEP_RADIANS = 100, 0.5, 0.02
LEAST = 1e-9  # probability of a pixel, so that its logarithm is bounded


def read_crossed_axes(logits: Tensor, *, radius_px: float, blur_px: float, directions: int) -> Ends:
    """The likeliest ends of two axes that halve each other at a right angle, as those of an ellipse do.

    Where a head is nearly round, each map alone hardly knows which way its axis points, and its ends slide along the
    outline. Of all pairs of crossed axes the one is taken whose four ends have the greatest product of probabilities,
    searched from where `read_ends` finds them, turned by each of some directions over half a turn. Pixels are taken
    for square.

    Args:
        logits: (..., 2, height, width), of the first axis and of the other.
        radius_px: of `read_ends`; also how far from an end what counts for its confidence may lie.
        blur_px: of the Gaussian by which the probabilities are spread first, for no map is sharper than it is right.
        directions: of how many the search begins.

    Raises:
        SettingsError: of another number of axes, or a radius or blur that is not above 0.
    """
    check_above_0("radius_px", radius_px)
    check_above_0("blur_px", blur_px)
    if logits.shape[-3] != 2:
        raise SettingsError(f"{logits.shape[-3]} axes to cross; needed two. Read others with read_ends.")
    with torch.inference_mode(False), torch.enable_grad():
        maps = logits.detach().clone().float().reshape(-1, *logits.shape[-3:])
        chances = maps.flatten(2).softmax(dim=2).reshape(maps.shape)
        smooth = GaussianFilter(2, blur_px).to(chances.device)(chances).clamp_min(LEAST).log()
        crossings = _Crossings(read_ends(maps, radius_px=radius_px).places, directions)
        optimiser = torch.optim.Adam(
            [{"params": crossings.lengths, "lr": STEP_PX}, {"params": crossings.angles, "lr": STEP_RADIANS}]
        )
        shorter = LinearLR(optimiser, 1.0, 1 / STEPS, STEPS)
        for _ in range(STEPS):
            optimiser.zero_grad()
            (-_likelihood(smooth, crossings.ends())).sum().backward()
            optimiser.step()
            shorter.step()
    with torch.no_grad():
        ends = crossings.ends()
        best = _likelihood(smooth, ends).argmax(dim=1)
        places = ends[torch.arange(len(ends), device=best.device), best].reshape(*logits.shape[:-2], 2, 2)
        return Ends(places, chances_near(chances.reshape(logits.shape), places, radius_px))


class _Crossings:
    """Pairs of crossed axes (pictures, directions), by where they cross, half their lengths, and the first's angle."""

    def __init__(self, places: Tensor, directions: int) -> None:
        first = places[:, 0, 0] - places[:, 0, 1]
        turned = torch.arange(directions, device=places.device) * (math.pi / directions)
        self.angles = (torch.atan2(first[:, 0], first[:, 1])[:, None] + turned).requires_grad_()
        centre = places.mean(dim=(1, 2))[:, None].repeat(1, directions, 1)
        halves = (places[:, :, 0] - places[:, :, 1]).norm(dim=-1)[:, None].repeat(1, directions, 1) / 2
        self.lengths = [centre.requires_grad_(), halves.requires_grad_()]

    def ends(self) -> Tensor:
        """(pictures, directions, axes, 2, 2): (row, column) of both ends of both axes."""
        centre, halves = self.lengths
        along = torch.stack([self.angles.sin(), self.angles.cos()], dim=-1)
        across = torch.stack([along[..., 1], -along[..., 0]], dim=-1)
        arms = torch.stack([along, across], dim=2) * halves[..., None]
        return centre[:, :, None, None] + torch.stack([arms, -arms], dim=3)


def _likelihood(smooth: Tensor, ends: Tensor) -> Tensor:
    """(pictures, directions): sum over the ends of the logarithm of their axis' probability, 'smooth', there."""
    sides = torch.tensor(smooth.shape[-2:], device=ends.device)
    places = (2 * ends / (sides - 1) - 1).flip(-1)  # (column, row) from -1 to 1, as `grid_sample` counts
    sampled = [
        functional.grid_sample(smooth[:, [axis]], places[:, :, axis], "bicubic", "border", align_corners=True)
        for axis in range(2)
    ]
    return torch.stack(sampled).sum(dim=(0, 2, 4))
