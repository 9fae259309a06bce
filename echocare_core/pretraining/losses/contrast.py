"""Structured contrast: which images are alike, and how much, follows the tree.

Every image has a label per level, coarse to fine: the nodes of the organ tree, then its group (patient, study or
acquisition), then the image itself. Two images are alike at the finest level they share, so two views of one image are
alike at the last; an unlabelled image takes part through them alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from echocare_core.distributed import all_gather, all_reduce_sum, rank, world_size
from echocare_core.errors import SettingsError

TRIPLET_MARGIN = 0.1  # m_epsilon of arXiv 2203.14335, section 3.3
ANCHORS_AT_ONCE = 32


def contrast_levels(nodes: Tensor, groups: Tensor, positions: Tensor, lines: Tensor) -> Tensor:
    """Labels of each image, coarse to fine: its node on each level of the tree, its group, itself.

    Args:
        nodes: int64 (batch,), deepest node known, -1 where none.
        groups: int64 (batch,), -1 where unknown.
        positions: int64 (batch,), place in the stream of the run.
        lines: of the tree; see `OrganTree`.

    Returns:
        int64 (batch, levels of the tree + 2), -1 where unknown.
    """
    of_tree = lines[nodes.clamp(min=0)].masked_fill((nodes < 0)[:, None], -1)
    return torch.cat([of_tree, groups[:, None], positions[:, None]], dim=1)


def finest_shared_level(labels: Tensor, others: Tensor) -> Tensor:
    """The finest level that each pair shares, -1 for none: int64 (labels, others)."""
    shared = (labels[:, None, :] == others[None, :, :]) & (labels >= 0)[:, None, :]
    places = torch.arange(1, labels.shape[1] + 1, device=labels.device)
    return (shared * places).amax(-1) - 1


def hierarchical_contrast(
    embeddings: Tensor, labels: Tensor, temperature: float, level_weights: Tensor, *, ordered: bool = True
) -> Tensor:
    """Supervised contrast on every level (Zhang et al., "Use All the Labels", CVPR 2022, equations 3 to 6).

    A pair is positive on the finest level it shares; all other images are in the denominator. With one level, the
    image itself, it is the loss of SimCLR.

    Args:
        embeddings: float (batch, channels), both views of the images one after the other; of any length.
        labels: int64 (batch, levels); see `contrast_levels`.
        temperature: 0.07 to 0.1 as published.
        level_weights: float (levels,), on the CPU, lambda of each level; 0 leaves a level out.
        ordered: let no coarser level have a smaller loss than a finer one, which then counts in its place.

    Returns:
        This process's summands of the weighted sum of the levels' mean losses.
    """
    own, everyone, level, itself = _compare(embeddings, labels)
    scores = own @ everyone.t() / temperature
    scores = scores.masked_fill(itself, -torch.inf)
    losses = scores.logsumexp(1, keepdim=True) - scores
    finest = embeddings.new_zeros((), dtype=torch.float32)
    finest_total = finest
    result = finest
    weights = level_weights.tolist()
    for number in range(labels.shape[1] - 1, -1, -1):
        if not weights[number]:
            continue
        positive = (level == number) & ~itself
        per_anchor = losses.masked_fill(~positive, 0).sum(1) / positive.sum(1).clamp(min=1)
        anchors = all_reduce_sum(positive.any(1).float().sum())
        known = anchors > 0  # else nobody is alike on this level: it has no loss for a finer one to stand in for
        summands = per_anchor.sum() / anchors.clamp(min=1)
        summed = all_reduce_sum(summands)
        own_loss = known & (summed >= finest_total) if ordered else known
        finest, finest_total = torch.where(own_loss, summands, finest), torch.where(own_loss, summed, finest_total)
        result = result + weights[number] * torch.where(known, finest, 0)
    return result


def tree_triplet(embeddings: Tensor, labels: Tensor) -> Tensor:
    """Hinge on every triplet whose negative is farther in the tree than its positive (arXiv 2203.14335, equation 6).

    The margin is 0.1 plus half the difference of the two tree distances (edges up and down) over twice the levels, so a
    level counts 1 / (2 * levels); distances of embeddings are halved cosine distances, 0 to 1.

    Args:
        embeddings: float (batch, channels); see `hierarchical_contrast`.
        labels: int64 (batch, levels).

    Returns:
        This process's summands of the mean over triplets.
    """
    own, everyone, level, itself = _compare(embeddings, labels)
    apart = (1 - own @ everyone.t()) / 2
    levels = labels.shape[1]
    steps = (levels - 1 - level).float()  # up from the finest level to the shared one
    summed, count = apart.new_zeros(()), apart.new_zeros(())
    for some in range(0, len(own), ANCHORS_AT_ONCE):
        part = slice(some, some + ANCHORS_AT_ONCE)
        farther = steps[part, None, :] - steps[part, :, None]  # (anchor, positive, negative)
        valid = (farther > 0) & ~itself[part, :, None] & ~itself[part, None, :] & (level[part, :, None] >= 0)
        margin = TRIPLET_MARGIN + farther / (2 * levels)
        hinge = functional.relu(apart[part, :, None] - apart[part, None, :] + margin)
        summed = summed + (hinge * valid).sum()
        count = count + valid.float().sum()
    return summed / all_reduce_sum(count).clamp(min=1)


def _compare(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Own and all normalised embeddings, the finest level each pair shares, and which pair is an image with itself."""
    if len(embeddings) != len(labels):
        raise SettingsError(f"{len(embeddings)} embeddings with {len(labels)} labels; needed as many.")
    own = functional.normalize(embeddings.float(), dim=1)
    everyone, all_labels = all_gather(own), all_gather(labels)
    first = rank() * len(own) if world_size() > 1 else 0
    numbers = torch.arange(len(everyone), device=own.device)
    itself = numbers[first : first + len(own), None] == numbers
    return own, everyone, finest_shared_level(labels, all_labels), itself
