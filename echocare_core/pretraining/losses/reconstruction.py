"""Masked image modelling: what is to be reconstructed, and how far off it is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_reduce_sum
from echocare_core.errors import SettingsError
from echocare_core.pretraining.views.masking import enlarge

TARGETS = ("pixels", "normalised", "denoised")
STABILISER = 1e-5
LEAST_VARIANCE = 1e-4  # added to that of a patch, so that flat ones are not blown up


def reconstruction_target(image: Tensor, target: str, patch_px: int) -> Tensor:
    """What the decoder should give back.

    Args:
        image: float (batch, 3, height, width) in [0, 1].
        target: "pixels" as they are; "normalised": each patch less its mean, over its standard deviation (MAE, He et
            al., CVPR 2022, section 3); "denoised": smoothed by a 5x5 binomial filter, since speckle is noise.
        patch_px: side of the patches that are normalised.

    Raises:
        SettingsError: another target.
    """
    if target == "pixels":
        return image
    if target == "denoised":
        row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=image.device, dtype=image.dtype) / 16
        kernel = (row[:, None] * row[None, :]).expand(image.shape[1], 1, 5, 5)
        return functional.conv2d(functional.pad(image, (2, 2, 2, 2), mode="replicate"), kernel, groups=image.shape[1])
    if target == "normalised":
        mean, deviation = _patch_statistics(image, patch_px)
        return (image - mean) / deviation
    raise SettingsError(f"Unknown reconstruction target '{target}'; needed one of {', '.join(TARGETS)}.")


def to_pixels(reconstruction: Tensor, image: Tensor, target: str, patch_px: int) -> Tensor:
    """A reconstruction as a picture to look at: a normalised one takes mean and deviation of the image's patches."""
    if target != "normalised":
        return reconstruction
    mean, deviation = _patch_statistics(image, patch_px)
    return reconstruction * deviation + mean


def _patch_statistics(image: Tensor, patch_px: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the patch that each pixel lies in: (batch, 1, height, width) each."""
    mean = functional.avg_pool2d(image, patch_px).mean(1, keepdim=True)
    square = functional.avg_pool2d(image.square(), patch_px).mean(1, keepdim=True)
    deviation = (square - mean.square()).clamp(min=0).add(LEAST_VARIANCE).sqrt()
    whole = [part.repeat_interleave(patch_px, 2).repeat_interleave(patch_px, 3) for part in (mean, deviation)]
    return whole[0], whole[1]


def masked_l1(reconstruction: Tensor, target: Tensor, scored: Tensor) -> Tensor:
    """sum(abs(x - y) * M) / (sum(M) + 1e-5) over the batches of all processes, M with one channel.

    So it is the number of channels times the mean absolute error over scored pixels, as published.

    Args:
        reconstruction, target: float (batch, channels, height, width).
        scored: bool (batch, rows, columns), patches that count.
    """
    weight = enlarge(scored, target.shape[-1] // scored.shape[-1])[:, None].float()
    off = (reconstruction.float() - target.float()).abs() * weight
    return off.sum() / (all_reduce_sum(weight.sum()) + STABILISER)


def patch_losses(reconstruction: Tensor, target: Tensor, patch_px: int) -> Tensor:
    """Mean absolute error of each patch: (batch, rows, columns), without gradient."""
    off = (reconstruction.detach().float() - target.float()).abs().mean(1, keepdim=True)
    return functional.avg_pool2d(off, patch_px)[:, 0]
