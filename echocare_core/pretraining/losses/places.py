"""Contrast within the image: one place of the picture, seen in two views, is alike; every other place differs.

It is the level of the structured contrast below the image. A pooled embedding has one pair per image to learn from;
places give several, and what tells them apart is local: texture, edges, lesions (compare VADeR, NeurIPS 2020, and
DenseCL, CVPR 2021, which match places by their features or pixel by pixel).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_gather, all_reduce_sum, rank, world_size
from echocare_core.pretraining.views.augmentation import AugmentedView

NOT_COUNTED = -1
EDGE = 0.9  # half the width of the part of a view in which places are chosen, so that a feature has surroundings


def shared_places(first: AugmentedView, second: AugmentedView, drawn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Places of the first view, where the second shows them, and whether it does.

    Args:
        first, second: views of the same images.
        drawn: float (batch, 2 * places) in [0, 1), by which the places are chosen.

    Returns:
        Two float (batch, places, 2), (x, y) from -1 to 1 across the view, and bool (batch, places): inside the scan
        sector and inside both views.
    """
    here = (2 * drawn.view(len(drawn), -1, 2) - 1) * EDGE
    picture = here @ first.affine[:, :, :2].mT + first.affine[:, None, :, 2]
    back = torch.linalg.inv_ex(second.affine[:, :, :2]).inverse  # which, unlike inv, does not wait for a GPU
    there = (picture - second.affine[:, None, :, 2]) @ back.mT
    shown = sample_places(first.inside.float(), here)[..., 0] >= 0.5
    return here, there, shown & (there.abs() <= EDGE).all(-1)


def sample_places(maps: Tensor, places: Tensor) -> Tensor:
    """Bilinear samples of (batch, channels, rows, columns) at (batch, places, 2): (batch, places, channels)."""
    taken = functional.grid_sample(maps, places[:, :, None], padding_mode="border", align_corners=False)
    return taken[..., 0].mT


def place_contrast(here: Tensor, there: Tensor, shown: Tensor, temperature: float) -> Tensor:
    """InfoNCE over places, both ways: each against all shown places of the other view of the whole batch.

    Args:
        here, there: float (batch, places, channels), embeddings of the same places in two views; of any length.
        shown: bool (batch, places), False where there is no such place.
        temperature: of the contrast.

    Returns:
        This process's summands of the mean over shown places; 0 where there is none.
    """
    own = [functional.normalize(embedded.float().flatten(0, 1), dim=1) for embedded in (here, there)]
    valid, everywhere = shown.flatten(), all_gather(shown.flatten())
    first = rank() * len(valid) if world_size() > 1 else 0
    itself = torch.arange(first, first + len(valid), device=valid.device)
    wanted = torch.where(valid, itself, NOT_COUNTED)
    count = all_reduce_sum(valid.float().sum()).clamp(min=1)
    summands = own[0].new_zeros(())
    for anchors, others in (own, own[::-1]):
        scores = anchors @ all_gather(others).t() / temperature
        scores = scores.masked_fill(~everywhere, torch.finfo(scores.dtype).min)
        losses = functional.cross_entropy(scores, wanted, ignore_index=NOT_COUNTED, reduction="sum")
        summands = summands + losses / (2 * count)
    return summands
