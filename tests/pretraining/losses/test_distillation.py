"""What the network keeps of its teacher's features."""

import pytest
import torch

from echocare_core.pretraining.losses.distillation import feature_distillation


def test_the_features_of_the_teacher_cost_nothing():
    teacher = torch.randn(8, 5)
    assert feature_distillation(teacher.clone(), teacher) == 0


def test_a_small_distance_costs_half_its_square_in_standard_deviations():
    teacher = torch.randn(50, 2) * torch.tensor([3.0, 0.1])
    spread = teacher.std(0)
    loss = feature_distillation(teacher + 0.2 * spread, teacher)
    assert loss.item() == pytest.approx(0.2**2 / 2, rel=0.03)


def test_a_feature_costs_the_same_whatever_its_unit():
    teacher, student = torch.randn(8, 5), torch.randn(8, 5)
    units = torch.tensor([1.0, 100.0, 0.01, 7.0, 3.0])
    equal = feature_distillation(student / teacher.std(0), teacher / teacher.std(0))
    scaled = feature_distillation(student / teacher.std(0) * units, teacher / teacher.std(0) * units)
    assert scaled.item() == pytest.approx(equal.item(), rel=0.3)


def test_a_feature_that_is_the_same_in_all_images_keeps_the_loss_finite():
    teacher = torch.randn(8, 3)
    teacher[:, 1] = 0.5
    student = teacher.clone().requires_grad_()
    loss = feature_distillation(student + 1, teacher)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()
