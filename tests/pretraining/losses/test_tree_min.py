"""The tree-min loss against equations 4 and 5 of arXiv 2203.14335 in plain loops on probabilities."""

import pytest
import torch
from organ_trees import DEEP, PUBLISHED, TREES, lineage, tree_tensors

from echocare_core.pretraining.losses.tree_min import tree_min_loss, tree_probabilities


def published_loss(logits, known, parents):
    """p is the least score on the way up, q the greatest on the ways down; each level is averaged by itself."""
    nodes, loss = range(len(parents)), logits.new_zeros(())
    depth = [len(lineage(parents, node)) for node in nodes]
    for level in sorted(set(depth)):
        terms = []
        for scores, deepest in zip(torch.sigmoid(logits), known, strict=True):
            for node in nodes:
                if depth[node] != level or deepest < 0:
                    continue
                if node in lineage(parents, deepest):
                    p = torch.stack([scores[above] for above in lineage(parents, node)]).min()
                    terms.append(-torch.log(p))
                elif deepest not in lineage(parents, node):
                    q = torch.stack([scores[below] for below in nodes if node in lineage(parents, below)]).max()
                    terms.append(-torch.log(1 - q))
        loss = loss + (sum(terms) / len(terms) if terms else 0)
    return loss


def labelled(parents, dtype=torch.float64):
    """Logits of random images, one known to each node of the tree, and two of which nothing is known."""
    known = [*range(len(parents)), -1, -1]
    logits = torch.randn(len(known), len(parents), dtype=dtype) * 3
    return logits.requires_grad_(), torch.tensor(known)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("parents", TREES.values(), ids=TREES)
def test_the_loss_and_its_gradient_are_those_of_loops(parents, dtype):
    logits, known = labelled(parents, dtype)
    found = tree_min_loss(logits, known, *tree_tensors(parents))
    wanted = published_loss(logits.double(), known.tolist(), parents)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    gradients = [torch.autograd.grad(loss, logits)[0].double() for loss in (found, wanted)]
    assert torch.allclose(*gradients, atol=1e-6)


@pytest.mark.parametrize("parents", TREES.values(), ids=TREES)
def test_no_node_is_more_probable_than_its_parent(parents):
    probabilities = tree_probabilities(torch.randn(500, len(parents)) * 5, tree_tensors(parents)[1])
    for node, parent in enumerate(parents):
        if parent >= 0:
            assert (probabilities[:, node] <= probabilities[:, parent]).all()


def test_a_node_is_as_probable_as_the_least_sure_step_on_the_way_to_it():
    logits = torch.randn(20, len(DEEP))
    probabilities = tree_probabilities(logits, tree_tensors(DEEP)[1])
    for node in range(len(DEEP)):
        least = torch.sigmoid(logits[:, lineage(DEEP, node)].amin(1))
        assert torch.allclose(probabilities[:, node], least, atol=1e-6)


def test_what_lies_below_the_known_node_changes_nothing():
    logits, tree = torch.randn(1, len(DEEP), requires_grad=True), tree_tensors(DEEP)
    below = [node for node in range(len(DEEP)) if 1 in lineage(DEEP, node) and node != 1]
    loss = tree_min_loss(logits, torch.tensor([1]), *tree)
    (gradient,) = torch.autograd.grad(loss, logits)
    changed = logits.detach().clone()
    changed[:, below] = 50.0
    assert torch.equal(tree_min_loss(changed, torch.tensor([1]), *tree), loss)
    assert not gradient[:, below].any()


def test_images_of_which_nothing_is_known_change_nothing():
    logits, known = labelled(PUBLISHED)
    tree = tree_tensors(PUBLISHED)
    without = tree_min_loss(logits[known >= 0], known[known >= 0], *tree)
    assert torch.allclose(tree_min_loss(logits, known, *tree), without, rtol=1e-6)


def test_a_batch_of_which_nothing_is_known_has_no_loss_and_no_gradient():
    logits = torch.randn(3, len(DEEP), requires_grad=True)
    loss = tree_min_loss(logits, torch.full((3,), -1), *tree_tensors(DEEP))
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, logits)[0].any()


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_have_a_finite_loss_and_gradient(size):
    logits, known = labelled(DEEP, torch.float32)
    loss = tree_min_loss(logits * 0 + size * torch.randn_like(logits).sign(), known, *tree_tensors(DEEP))
    assert torch.isfinite(loss)
    assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all()
    wrong = torch.full((1, 4), size, requires_grad=True)
    loss = tree_min_loss(wrong, torch.tensor([0]), *tree_tensors(TREES["one level"]))
    assert loss.item() == pytest.approx(abs(size) * (3 / 4 if size > 0 else 1 / 4))
    assert torch.isfinite(torch.autograd.grad(loss, wrong)[0]).all()


def test_logits_in_bfloat16_are_computed_in_float32():
    logits, known = labelled(DEEP, torch.bfloat16)
    loss = tree_min_loss(logits, known, *tree_tensors(DEEP))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, tree_min_loss(logits.float(), known, *tree_tensors(DEEP)))
    assert tree_probabilities(logits, tree_tensors(DEEP)[1]).dtype == torch.float32


def test_a_sure_and_right_answer_costs_nothing():
    right = torch.full((1, len(DEEP)), -40.0)
    right[:, lineage(DEEP, 4)] = 40.0
    assert float(tree_min_loss(right, torch.tensor([4]), *tree_tensors(DEEP))) == pytest.approx(0, abs=1e-6)
