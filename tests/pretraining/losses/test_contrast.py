"""Structured contrast: each level against supervised contrast in plain loops, triplets against a triple loop."""

import itertools

import pytest
import torch
from organ_trees import PUBLISHED, lineage, tree_tensors

from echocare_core.errors import SettingsError
from echocare_core.pretraining.losses.contrast import (
    contrast_levels,
    finest_shared_level,
    hierarchical_contrast,
    tree_triplet,
)

TEMPERATURE = 0.1
WEIGHTS = torch.tensor([0.2, 0.3, 0.0, 0.5, 1.0])
NODES = [5, 5, 5, 4, 2, 0, 7, 9, -1, -1]  # of the published tree: leaves, an organ, regions, and nothing
GROUPS = [1, 1, 2, -1, 3, 3, -1, -1, 4, -1]


def shared_level(one, other):
    """The last place where two labels agree and are known, -1 for none."""
    return max((place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a == b >= 0), default=-1)


def pair_loss(embeddings, anchor, positive):
    """-log of the share of the positive among all but the anchor itself (supervised contrast; arXiv 2204.13207)."""
    unit = [row / row.norm() for row in embeddings]
    scores = {other: unit[anchor] @ unit[other] / TEMPERATURE for other in range(len(unit)) if other != anchor}
    return -(scores[positive] - torch.logsumexp(torch.stack(list(scores.values())), 0))


def level_loss(embeddings, labels, level):
    """Mean over the anchors that have positives on a level of the mean over these; None where nobody has any."""
    means = []
    for anchor, own in enumerate(labels):
        alike = [other for other, theirs in enumerate(labels) if other != anchor and shared_level(own, theirs) == level]
        if alike:
            means.append(torch.stack([pair_loss(embeddings, anchor, other) for other in alike]).mean())
    return torch.stack(means).mean() if means else None


def published_contrast(embeddings, labels, ordered):
    """Sum over levels, fine to coarse; ordered, none counts less than the greatest of the finer ones."""
    loss, greatest = 0.0, None
    for level in reversed(range(len(WEIGHTS))):
        here = level_loss(embeddings, labels.tolist(), level)
        if here is None or not WEIGHTS[level]:
            continue
        greatest = here if greatest is None or not ordered or here > greatest else greatest
        loss = loss + float(WEIGHTS[level]) * greatest
    return loss


def published_triplets(embeddings, labels):
    """max(d(anchor, positive) - d(anchor, negative) + margin, 0), d half the cosine distance, over all triplets."""
    unit = [row / row.norm() for row in embeddings]
    labels, levels, terms = labels.tolist(), labels.shape[1], []
    for anchor, positive, negative in itertools.permutations(range(len(unit)), 3):
        near = shared_level(labels[anchor], labels[positive])
        far = shared_level(labels[anchor], labels[negative])
        if near > far:
            margin = 0.1 + (near - far) / (2 * levels)
            apart = [(1 - unit[anchor] @ unit[other]) / 2 for other in (positive, negative)]
            terms.append(torch.relu(apart[0] - apart[1] + margin))
    return torch.stack(terms).mean()


def two_views(dtype=torch.float64, channels=6):
    """Embeddings of two views of ten images, of any length, and their labels."""
    _, lines = tree_tensors(PUBLISHED)
    labels = contrast_levels(torch.tensor(NODES), torch.tensor(GROUPS), torch.arange(100, 110), lines)
    lengths = torch.rand(20, 1, dtype=dtype) * 5 + 0.5
    return (torch.randn(20, channels, dtype=dtype) * lengths).requires_grad_(), labels.repeat(2, 1)


def gradient(loss, embeddings):
    return torch.autograd.grad(loss, embeddings)[0].double()


def test_labels_are_the_nodes_on_the_way_down_then_group_and_image():
    _, labels = two_views()
    for number, (node, group) in enumerate(zip(NODES, GROUPS, strict=True)):
        way = lineage(PUBLISHED, node)[::-1]
        assert labels[number].tolist() == [*way, *[-1] * (3 - len(way)), group, 100 + number]


def test_the_finest_shared_level_is_the_last_on_which_two_labels_agree():
    _, labels = two_views()
    wanted = [[shared_level(one, other) for other in labels.tolist()] for one in labels.tolist()]
    found = finest_shared_level(labels, labels)
    assert found.tolist() == wanted
    assert {-1, 0, 1, 2, 3, 4} == set(found.flatten().tolist())


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_contrast_and_its_gradient_are_those_of_loops_over_pairs(dtype, ordered):
    embeddings, labels = two_views(dtype)
    found = hierarchical_contrast(embeddings, labels, TEMPERATURE, WEIGHTS, ordered=ordered)
    wanted = published_contrast(embeddings.double(), labels, ordered)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.allclose(gradient(found, embeddings), gradient(wanted, embeddings), atol=1e-5)


@pytest.mark.parametrize("level", range(5))
def test_with_one_level_it_is_supervised_contrast_on_that_level(level):
    embeddings, labels = two_views()
    weights = torch.zeros(5)
    weights[level] = 1.0
    found = hierarchical_contrast(embeddings, labels, TEMPERATURE, weights)
    wanted = level_loss(embeddings, labels.tolist(), level)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.allclose(gradient(found, embeddings), gradient(wanted, embeddings), atol=1e-5)


def test_with_the_image_alone_it_is_the_loss_of_simclr():
    """NT-Xent is the cross-entropy of finding the other view among all (Chen et al., ICML 2020, equation 1)."""
    embeddings, labels = two_views(torch.float32)
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    scores = (unit @ unit.T / TEMPERATURE).fill_diagonal_(-torch.inf)
    wanted = torch.nn.functional.cross_entropy(scores, torch.arange(20).roll(10))
    found = hierarchical_contrast(embeddings, labels[:, -1:], TEMPERATURE, torch.ones(1))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.allclose(gradient(found, embeddings), gradient(wanted, embeddings), atol=1e-6)


def test_no_coarser_level_counts_less_than_a_finer_one():
    labels = torch.tensor([[0, 0], [0, 1], [0, 0], [0, 1]])
    embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])  # alike in organ, not in image
    weights = torch.tensor([0.5, 1.0])
    coarse, fine = (level_loss(embeddings, labels.tolist(), level).item() for level in (0, 1))
    assert coarse < fine
    ordered, free = (
        hierarchical_contrast(embeddings, labels, TEMPERATURE, weights, ordered=ordered).item()
        for ordered in (True, False)
    )
    assert ordered == pytest.approx(1.5 * fine, rel=1e-5)
    assert free == pytest.approx(0.5 * coarse + fine, rel=1e-5)


@pytest.mark.parametrize("ordered", [True, False])
def test_unlabelled_images_are_alike_in_their_two_views_alone(ordered):
    embeddings, labels = two_views()
    labels[:, :-1] = -1
    loss = hierarchical_contrast(embeddings, labels, TEMPERATURE, WEIGHTS, ordered=ordered)
    views = hierarchical_contrast(embeddings, labels[:, -1:], TEMPERATURE, WEIGHTS[-1:])
    assert loss.item() == pytest.approx(views.item(), rel=1e-6)


def test_an_unlabelled_image_seen_once_attracts_nobody():
    embeddings, labels = two_views()
    labels, embeddings = labels[[3, 13, 9]], embeddings[[3, 13, 9]]
    assert (finest_shared_level(labels, labels)[2, :2] == -1).all()
    loss = hierarchical_contrast(embeddings, labels, TEMPERATURE, WEIGHTS)
    wanted = torch.stack([pair_loss(embeddings, 0, 1), pair_loss(embeddings, 1, 0)]).mean()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize("loss", ["hierarchical", "triplet"])
def test_the_length_of_an_embedding_does_not_matter_and_long_ones_are_finite(loss):
    embeddings, labels = two_views(torch.float32)
    value = {
        "hierarchical": lambda rows: hierarchical_contrast(rows, labels, TEMPERATURE, WEIGHTS),
        "triplet": lambda rows: tree_triplet(rows, labels),
    }[loss]
    longer = (embeddings.detach() * 1e4).requires_grad_()
    assert value(longer).item() == pytest.approx(value(embeddings).item(), rel=1e-4)
    assert torch.isfinite(gradient(value(longer), longer)).all()


def test_embeddings_in_bfloat16_are_compared_in_float32():
    embeddings, labels = two_views(torch.bfloat16)
    for loss in (
        lambda rows: hierarchical_contrast(rows, labels, TEMPERATURE, WEIGHTS),
        lambda rows: tree_triplet(rows, labels),
    ):
        assert loss(embeddings).dtype == torch.float32
        assert torch.equal(loss(embeddings), loss(embeddings.float()))


@pytest.mark.parametrize("loss", [lambda *given: hierarchical_contrast(*given, 0.1, WEIGHTS), tree_triplet])
def test_labels_for_another_number_of_embeddings_are_refused(loss):
    embeddings, labels = two_views()
    with pytest.raises(SettingsError, match="20 embeddings with 19 labels; needed as many"):
        loss(embeddings, labels[1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_triplet_loss_and_its_gradient_are_those_of_a_triple_loop(dtype):
    embeddings, labels = two_views(dtype)
    found, wanted = tree_triplet(embeddings, labels), published_triplets(embeddings.double(), labels)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert torch.allclose(gradient(found, embeddings), gradient(wanted, embeddings), atol=1e-6)


def test_many_anchors_have_the_mean_of_all_their_triplets():
    embeddings, labels = two_views()
    more = embeddings.detach().repeat(2, 1) + 0.1 * torch.randn(40, 6)
    labels = labels.repeat(2, 1)
    assert tree_triplet(more, labels).item() == pytest.approx(published_triplets(more, labels).item(), rel=1e-5)


def test_where_all_are_alike_there_is_no_triplet_and_no_loss():
    embeddings, labels = two_views()
    loss = tree_triplet(embeddings, labels[:1].repeat(20, 1))
    assert loss.item() == 0
    assert not gradient(loss, embeddings).any()
