"""Hard patch mining: the ranking loss against the paper's double sum, and the teacher's moving average."""

import copy

import pytest
import torch
from small_network import SMALLEST

from echocare_core.models import build_encoder
from echocare_core.pretraining.losses.mining import ranking_loss
from echocare_core.pretraining.networks import update_ema


def patches(dtype=torch.float32):
    """Forecasts, losses with ties, and hidden patches of three images; the last has one hidden patch only."""
    predicted = torch.randn(3, 3, 4, dtype=dtype, requires_grad=True)
    losses = (torch.rand(3, 3, 4, dtype=dtype) * 8).round() / 8
    scored = torch.rand(3, 3, 4) < 0.6
    scored[2] = False
    scored[2, 1, 1] = True
    return predicted, losses, scored


def published_loss(predicted, losses, scored):
    """-sum 1[Li > Lj] log s(li - lj) - sum 1[Li < Lj] log(1 - s(li - lj)), over the number of its terms."""
    terms = []
    for predicted_loss, cost, hidden in zip(predicted.flatten(1), losses.flatten(1), scored.flatten(1), strict=True):
        places = hidden.nonzero().flatten().tolist()
        for i in places:
            for j in places:
                if cost[i] > cost[j]:
                    terms.append(-torch.log(torch.sigmoid(predicted_loss[i] - predicted_loss[j])))
                if cost[i] < cost[j]:
                    terms.append(-torch.log(1 - torch.sigmoid(predicted_loss[i] - predicted_loss[j])))
    return torch.stack(terms).mean()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_and_its_gradient_are_those_of_loops_over_pairs(dtype):
    predicted, losses, scored = patches(dtype)
    found, wanted = ranking_loss(predicted, losses, scored), published_loss(predicted.double(), losses, scored)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    gradients = [torch.autograd.grad(loss, predicted)[0].double() for loss in (found, wanted)]
    assert torch.allclose(*gradients, atol=1e-7)


def test_no_gradient_flows_into_the_losses():
    predicted, losses, scored = patches()
    losses.requires_grad_()
    ranking_loss(predicted, losses, scored).backward()
    assert predicted.grad is not None
    assert losses.grad is None


def test_following_the_loss_sorts_the_predictions_as_the_losses():
    predicted, losses = torch.zeros(2, 4, 4, requires_grad=True), torch.rand(2, 4, 4)
    scored = torch.ones(2, 4, 4, dtype=torch.bool)
    optimizer = torch.optim.SGD([predicted], lr=20.0)
    for _ in range(20):
        optimizer.zero_grad()
        ranking_loss(predicted, losses, scored).backward()
        optimizer.step()
    assert torch.equal(predicted.flatten(1).argsort(1), losses.flatten(1).argsort(1))


def test_visible_patches_are_neither_ranked_nor_moved():
    predicted, losses, scored = patches()
    loss = ranking_loss(predicted, losses, scored)
    elsewhere = ranking_loss(torch.where(scored, predicted, 1e3), torch.where(scored, losses, 1e3), scored)
    assert torch.equal(loss, elsewhere)
    assert not torch.autograd.grad(loss, predicted)[0][~scored].any()


@pytest.mark.parametrize("what", ["nothing hidden", "all losses alike"])
def test_nothing_to_rank_is_no_loss(what):
    predicted, losses, scored = patches()
    hidden, cost = (torch.zeros_like(scored), losses) if what == "nothing hidden" else (scored, losses * 0)
    loss = ranking_loss(predicted, cost, hidden)
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, predicted)[0].any()


def test_extreme_predictions_have_a_finite_loss_and_gradient():
    predicted, losses, scored = patches()
    extreme = (predicted.detach().sign() * 1e4).requires_grad_()
    loss = ranking_loss(extreme, losses, scored)
    assert torch.isfinite(loss)
    assert torch.isfinite(torch.autograd.grad(loss, extreme)[0]).all()


def test_predictions_in_bfloat16_are_ranked_in_float32():
    predicted, losses, scored = patches()
    lower = predicted.detach().bfloat16()
    assert ranking_loss(lower, losses, scored).dtype == torch.float32
    assert torch.equal(ranking_loss(lower, losses, scored), ranking_loss(lower.float(), losses, scored))


def teacher_and_student():
    student = build_encoder(SMALLEST)
    student.learn_mask_token()
    teacher = copy.deepcopy(student).requires_grad_(False).eval()
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return teacher, student


def test_the_teacher_keeps_its_weights_by_the_momentum_and_takes_the_rest():
    teacher, student = teacher_and_student()
    wanted = [
        0.9 * mine + 0.1 * theirs for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True)
    ]
    update_ema(teacher, student, 0.9)
    for found, weight in zip(teacher.parameters(), wanted, strict=True):
        assert torch.allclose(found, weight, atol=1e-6)
        assert not found.requires_grad


def test_the_student_is_left_alone():
    teacher, student = teacher_and_student()
    before = copy.deepcopy(student.state_dict())
    update_ema(teacher, student, 0.5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.state_dict().items())


def test_the_teacher_takes_the_students_running_statistics():
    teacher, student = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    student(torch.randn(8, 3) + 5)
    update_ema(teacher, student, 0.99)
    assert torch.equal(teacher.running_mean, student.running_mean)
    assert int(teacher.num_batches_tracked) == 1


def test_every_weight_that_moved_is_known_to_have_moved():
    teacher, student = teacher_and_student()
    before = [weight._version for weight in teacher.parameters()]
    update_ema(teacher, student, 0.9)
    assert all(weight._version > then for weight, then in zip(teacher.parameters(), before, strict=True))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_after_a_move_the_teacher_sees_as_a_network_built_afresh(precision):
    teacher, student = teacher_and_student()
    image, masked = torch.rand(1, 3, 64, 64), torch.rand(1, 4, 4) < 0.5

    def deepest(encoder):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            return encoder(image, masked)[-1]

    before = deepest(teacher)
    update_ema(teacher, student, 0.5)
    fresh = build_encoder(SMALLEST)
    fresh.learn_mask_token()
    fresh.load_state_dict(teacher.state_dict())
    assert torch.equal(deepest(teacher), deepest(fresh.requires_grad_(False).eval()))
    assert not torch.equal(deepest(teacher), before)
