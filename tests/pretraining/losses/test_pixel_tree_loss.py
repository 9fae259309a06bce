"""The loss of labelled pixels against equations 4 and 5 of arXiv 2203.14335 and Dice in plain loops."""

import numpy as np
import pytest
import torch

from echocare_core.pretraining.losses.pixel_tree import pixel_probabilities, pixel_tree_loss

# liver, the mass in it, and a lesion of another organ
ANCESTORS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
STATES = torch.tensor(
    [[-1, -1, -1], [0, 0, -1], [1, 0, -1], [1, 1, -1], [-1, -1, 0], [-1, -1, 1], [-1, 0, -1]], dtype=torch.int8
)
UNKNOWN, LIVER, LESION = 0, 2, 5


def labelled(rows=7, dtype=torch.float32):
    """Logits of four images of 5x6 px, and a kind of pixel, of the first `rows`, at each."""
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(4, 3, 5, 6, generator=generator, dtype=torch.float64).mul(2).to(dtype)
    return logits.requires_grad_(), torch.randint(rows, (4, 5, 6), generator=generator, dtype=torch.uint8)


def loss_of(logits, label):
    return pixel_tree_loss(logits, label, STATES, ANCESTORS)


def plain_loss(logits, label):
    """Pixel by pixel: -log p where present, -log(1 - q) where absent; and Dice of p over the known ones."""
    scores, entropies, dices = torch.sigmoid(logits.double()), [], []
    for channel in range(3):
        above, below = np.flatnonzero(ANCESTORS[channel]), np.flatnonzero(ANCESTORS[:, channel])
        terms, overlap, area, shown = [], 0.0, 0.0, 0
        for place in np.ndindex(*label.shape):
            state = int(STATES[int(label[place]), channel])
            p = torch.stack([scores[place[0], each, place[1], place[2]] for each in above]).min()
            q = torch.stack([scores[place[0], each, place[1], place[2]] for each in below]).max()
            if state == 1:
                terms.append(-torch.log(p))
                overlap, area, shown = overlap + p, area + 1, shown + 1
            if state == 0:
                terms.append(-torch.log(1 - q))
            if state >= 0:
                area = area + p
        if terms:
            entropies.append(sum(terms) / len(terms))
        if shown:
            dices.append(1 - 2 * overlap / area)
    return sum(entropies) / max(1, len(entropies)) + sum(dices) / max(1, len(dices))


@pytest.mark.parametrize("rows", [7, 3])
def test_the_loss_and_its_gradient_are_those_of_loops(rows):
    logits, label = labelled(rows)
    found, wanted = loss_of(logits, label), plain_loss(logits, label)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (found, wanted)]
    assert torch.allclose(*gradients, atol=1e-6)


def test_what_is_unknown_changes_nothing():
    logits, label = labelled()
    label[:2] = UNKNOWN
    loss = loss_of(logits, label)
    (gradient,) = torch.autograd.grad(loss, logits)
    changed = logits.detach().clone()
    changed[:2] = 30.0
    assert not gradient[:2].any()
    assert torch.allclose(loss_of(changed, label), loss)


def test_where_nothing_is_known_there_is_no_loss_and_no_gradient():
    logits, label = labelled()
    loss = loss_of(logits, torch.zeros_like(label))
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, logits)[0].any()


def test_a_channel_counts_as_much_as_another_however_few_its_pixels():
    logits, label = torch.zeros(2, 3, 8, 8), torch.zeros(2, 8, 8, dtype=torch.uint8)
    label[0], label[1, 0, 0] = LIVER, LESION  # 64 pixels of liver, where no mass is, and one of a lesion
    entropy, dice = np.log(2), 1 - 2 * 0.5 / 1.5
    assert loss_of(logits, label).item() == pytest.approx((entropy + entropy + entropy) / 3 + (dice + dice) / 2)
    label[1, 0, 0] = UNKNOWN
    assert loss_of(logits, label).item() == pytest.approx((entropy + entropy) / 2 + dice)


def test_a_mass_pulls_the_liver_up_with_it():
    logits = torch.tensor([[[[-1.0]], [[2.0]], [[0.0]]]], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss_of(logits, torch.tensor([[[3]]], dtype=torch.uint8)), logits)
    assert gradient[0, 0] < 0  # the liver, less sure than the mass, is what p of both is
    assert gradient[0, 1] == gradient[0, 2] == 0


def test_where_the_liver_is_not_a_mass_is_not_either():
    logits = torch.tensor([[[[-1.0]], [[2.0]], [[0.0]]]], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss_of(logits, torch.tensor([[[1]]], dtype=torch.uint8)), logits)
    assert gradient[0, 1] > 0


def test_a_right_and_sure_answer_costs_nothing():
    _, label = labelled()
    right = STATES[label.long()].movedim(-1, 1).float() * 80 - 40
    assert loss_of(right.where(right > -100, torch.tensor(0.0)), label).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_have_a_finite_loss_and_gradient(size):
    logits, label = labelled()
    loss = loss_of(logits * 0 + size * logits.detach().sign(), label)
    assert torch.isfinite(loss)
    assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all()


def test_logits_in_bfloat16_are_computed_in_float32_also_under_autocast():
    logits, label = labelled(dtype=torch.bfloat16)
    wanted = loss_of(logits.float(), label)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss_of(logits, label)
    assert found.dtype == torch.float32
    assert torch.allclose(found, wanted)


def test_no_structure_is_more_probable_than_what_it_lies_in():
    chances = pixel_probabilities(torch.randn(3, 3, 4, 4) * 4, ANCESTORS)
    assert (chances[:, 1] <= chances[:, 0]).all()
    assert chances.dtype == torch.float32
