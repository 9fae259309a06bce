"""Reconstruction: the targets, and the published loss against loops over pixels."""

import itertools

import pytest
import torch

from echocare_core.errors import SettingsError
from echocare_core.pretraining.losses.reconstruction import masked_l1, patch_losses, reconstruction_target

PATCH = 4


def pictures(dtype=torch.float32):
    """Reconstruction, target and scored patches of three images of 8x12 px."""
    scored = torch.tensor([[[1, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]]).bool()
    return torch.randn(3, 3, 8, 12, dtype=dtype, requires_grad=True), torch.rand(3, 3, 8, 12, dtype=dtype), scored


def published_loss(reconstruction, target, scored):
    """sum(abs(x - y) * M) / (sum(M) + 1e-5), M of one channel."""
    summed, weight = 0.0, 0
    for image, row, column in itertools.product(range(3), range(8), range(12)):
        if scored[image, row // PATCH, column // PATCH]:
            weight += 1
            for channel in range(3):
                summed = summed + (reconstruction - target)[image, channel, row, column].abs()
    return summed / (weight + 1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_and_its_gradient_are_those_of_loops(dtype):
    reconstruction, target, scored = pictures(dtype)
    found, wanted = masked_l1(reconstruction, target, scored), published_loss(reconstruction, target, scored)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)
    gradients = [torch.autograd.grad(loss, reconstruction)[0] for loss in (found, wanted)]
    assert torch.allclose(*gradients, atol=1e-8)


def test_the_loss_is_three_times_the_mean_absolute_error_over_scored_pixels():
    target = torch.rand(3, 3, 8, 12)
    loss = masked_l1(target + 0.25, target, torch.ones(3, 2, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(0.75, rel=1e-5)


def test_what_is_not_scored_changes_neither_loss_nor_gradient():
    reconstruction, target, scored = pictures()
    pixels = scored.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, None].expand_as(target)
    loss = masked_l1(reconstruction, target, scored)
    elsewhere = torch.where(pixels, target, torch.full_like(target, 1e3))
    assert torch.equal(masked_l1(reconstruction, elsewhere, scored), loss)
    (gradient,) = torch.autograd.grad(loss, reconstruction)
    assert torch.equal(gradient != 0, pixels)


def test_nothing_scored_is_no_loss():
    reconstruction, target, scored = pictures()
    loss = masked_l1(reconstruction, target, torch.zeros_like(scored))
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, reconstruction)[0].any()


def test_a_reconstruction_in_bfloat16_is_scored_in_float32():
    reconstruction, target, scored = pictures()
    lower = reconstruction.detach().bfloat16()
    loss = masked_l1(lower, target, scored)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, masked_l1(lower.float(), target, scored))


def test_the_target_pixels_is_the_picture():
    image = torch.rand(2, 3, 8, 12)
    assert torch.equal(reconstruction_target(image, "pixels", PATCH), image)


def test_the_target_normalised_is_each_patch_less_its_mean_over_its_deviation():
    image = torch.rand(2, 3, 8, 12)
    target = reconstruction_target(image, "normalised", PATCH)
    for number, row, column in itertools.product(range(2), range(0, 8, PATCH), range(0, 12, PATCH)):
        patch = (number, slice(None), slice(row, row + PATCH), slice(column, column + PATCH))
        wanted = (image[patch] - image[patch].mean()) / (image[patch].var(unbiased=False) + 1e-4).sqrt()
        assert torch.allclose(target[patch], wanted, atol=1e-4)


def test_a_patch_without_contrast_is_normalised_to_nothing():
    target = reconstruction_target(torch.full((1, 3, 8, 8), 0.7), "normalised", PATCH)
    assert torch.allclose(target, torch.zeros_like(target), atol=1e-3)


def test_the_target_denoised_weighs_neighbours_by_pascals_triangle():
    image, kernel = torch.rand(1, 3, 8, 12), [1, 4, 6, 4, 1]
    target = reconstruction_target(image, "denoised", PATCH)
    for row, column in itertools.product(range(8), range(12)):
        wanted = torch.zeros(3)
        for down, across in itertools.product(range(5), range(5)):
            beside = min(max(row + down - 2, 0), 7), min(max(column + across - 2, 0), 11)
            wanted += kernel[down] * kernel[across] / 256 * image[0, :, beside[0], beside[1]]
        assert torch.allclose(target[0, :, row, column], wanted, atol=1e-6)


def test_another_target_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="'features'; needed one of pixels, normalised, denoised"):
        reconstruction_target(torch.rand(1, 3, 8, 8), "features", PATCH)


def test_the_loss_of_a_patch_is_its_mean_absolute_error_without_gradient():
    reconstruction, target, _ = pictures()
    losses = patch_losses(reconstruction, target, PATCH)
    assert losses.shape == (3, 2, 3)
    assert not losses.requires_grad
    wanted = (reconstruction - target)[1, :, 4:8, 8:12].abs().mean()
    assert float(losses[1, 1, 2]) == pytest.approx(wanted.item(), rel=1e-5)
