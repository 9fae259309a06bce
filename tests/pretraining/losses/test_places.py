"""Contrast of places: which places two views share, and that the loss is that of loops over those that are shown."""

import pytest
import torch

from echocare_core.pretraining.losses.places import place_contrast, sample_places, shared_places
from echocare_core.pretraining.views.augmentation import AugmentedView, ViewSettings, make_view

IMAGES, PLACES, CHANNELS, TEMPERATURE = 3, 5, 6, 0.2
SHOWN = torch.tensor([[1, 1, 0, 1, 1], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
SIDE, SIZE, VIEWED = 96, 64, 32
CROPPED_AND_TURNED = ViewSettings(
    area=0.25, aspect=1.5, rotation_degrees=45, flip=0.5, gamma=1, gain=0, depth_gain=0, speckle=0, blur=0
)


def loops(here, there, shown):
    """-log of the share of the place itself among all that are shown in the other view, from each view, their mean."""
    flat = zip(here.flatten(0, 1), there.flatten(0, 1), shown.flatten(), strict=True)
    pairs = [(one / one.norm(), other / other.norm()) for one, other, is_shown in flat if is_shown]
    losses = []
    for way in (0, 1):
        for number, anchor in enumerate(pairs):
            alike = [torch.exp(anchor[way] @ other[1 - way] / TEMPERATURE) for other in pairs]
            losses.append(-torch.log(alike[number] / sum(alike)))
    return torch.stack(losses).mean()


def embedded(dtype=torch.float64):
    """Embeddings of places in two views, alike to a degree and of any length."""
    here = torch.randn(IMAGES, PLACES, CHANNELS, dtype=dtype)
    lengths = torch.rand(IMAGES, PLACES, 1, dtype=dtype) * 5 + 0.5
    there = (here + torch.randn_like(here)) * lengths
    return here.requires_grad_(), there.requires_grad_()


def gradients(loss, both):
    return [gradient.double() for gradient in torch.autograd.grad(loss, both)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shown", [SHOWN, torch.ones_like(SHOWN)], ids=["some shown", "all shown"])
def test_the_contrast_and_its_gradient_are_those_of_loops_over_places(shown, dtype):
    both = embedded(dtype)
    found, wanted = place_contrast(*both, shown, TEMPERATURE), loops(*(one.double() for one in both), shown)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    for of_loss, of_loops in zip(gradients(found, both), gradients(wanted, both), strict=True):
        assert torch.allclose(of_loss, of_loops, atol=1e-5)


def test_where_nothing_is_shown_there_is_no_loss_and_no_gradient():
    both = embedded()
    loss = place_contrast(*both, torch.zeros_like(SHOWN), TEMPERATURE)
    assert loss.item() == 0
    assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in gradients(loss, both))


def test_a_place_that_is_not_shown_counts_neither_as_anchor_nor_among_the_others():
    here, there = embedded()
    loss = place_contrast(here, there, SHOWN, TEMPERATURE)
    moved = [torch.where(SHOWN[..., None], one, 9 * torch.randn_like(one)) for one in (here, there)]
    assert torch.equal(place_contrast(*moved, SHOWN, TEMPERATURE), loss)
    assert not any(gradient[~SHOWN].any() for gradient in gradients(loss, (here, there)))


def test_embeddings_in_bfloat16_are_compared_in_float32():
    both = embedded(torch.bfloat16)
    loss = place_contrast(*both, SHOWN, TEMPERATURE)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, place_contrast(*(one.float() for one in both), SHOWN, TEMPERATURE))


def test_samples_at_the_centres_of_pixels_are_the_pixels_and_between_two_their_mean():
    maps = torch.rand(2, 3, 4, 6)
    down, across = ((2 * torch.arange(count) + 1) / count - 1 for count in (4, 6))
    centres = torch.cartesian_prod(down, across).flip(1).expand(2, 24, 2)
    assert torch.allclose(sample_places(maps, centres), maps.flatten(2).mT, atol=1e-6)
    between = centres + torch.tensor([1 / 6, 0.0])
    wanted = (maps[..., :-1] + maps[..., 1:]) / 2
    assert torch.allclose(sample_places(maps, between).mT.view(2, 3, 4, 6)[..., :-1], wanted, atol=1e-6)


def ramps():
    """A picture whose red tells left from right and whose green tells top from bottom, its sector off the centre."""
    across = torch.linspace(0.2, 0.8, SIDE).expand(VIEWED, 1, SIDE, SIDE)
    sector = torch.zeros(VIEWED, 1, SIDE, SIDE)
    sector[:, :, 8:80, 16:90] = 1
    return torch.cat([across, across.mT, torch.ones_like(across), sector], 1)


def view_of(name):
    return make_view(ramps(), torch.arange(VIEWED), name, SIZE, CROPPED_AND_TURNED, 1)


def test_shared_places_have_the_same_colours_in_both_views():
    first, second = view_of("0"), view_of("1")
    here, there, shown = shared_places(first, second, torch.rand(VIEWED, 2 * 50))
    colours, others = sample_places(first.image, here)[shown], sample_places(second.image, there)[shown]
    assert 0.2 < float(shown.float().mean()) < 0.8
    assert (here - there)[shown].abs().mean() > 0.2
    assert colours[:, :2].std(0).min() > 0.1
    assert torch.allclose(colours, others, atol=1e-5)


def test_a_view_shares_with_itself_all_places_of_the_sector():
    one = view_of("0")
    here, there, shown = shared_places(one, one, torch.rand(VIEWED, 2 * 50))
    share_inside = sample_places(one.inside.float(), here)[..., 0]  # of the pixels around
    assert torch.allclose(here, there, atol=1e-5)
    assert shown[share_inside == 1].all()
    assert not shown[share_inside == 0].any()
    assert 0.5 < float(shown.float().mean()) < 1


def test_places_lie_all_over_a_view_but_not_at_its_edge():
    here, _, _ = shared_places(view_of("0"), view_of("1"), torch.rand(VIEWED, 2 * 500))
    assert 0.89 < float(here.max()) <= 0.9
    assert -0.9 <= float(here.min()) < -0.89
    assert here.mean((0, 1)).abs().max() < 0.02


WHOLE, UPPER_LEFT = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.5, 0.0, -0.5], [0.0, 0.5, -0.5]]


@pytest.mark.parametrize(
    ("drawn", "other", "wanted"),
    [
        ([0.25, 0.25], UPPER_LEFT, True),
        ([0.75, 0.25], UPPER_LEFT, False),
        ([0.25, 0.75], UPPER_LEFT, False),
        ([0.51, 0.25], UPPER_LEFT, False),  # in sight, but at the edge
        ([0.75, 0.25], WHOLE, True),
        ([0.25, 0.95], WHOLE, False),  # below the sector
    ],
)
def test_a_place_is_shown_inside_the_sector_and_inside_the_other_view(drawn, other, wanted):
    inside = torch.ones(1, 1, SIZE, SIZE, dtype=torch.bool)
    inside[:, :, 56:] = False
    image = torch.zeros(1, 3, SIZE, SIZE)
    augmented = [AugmentedView(image, inside, torch.tensor([affine])) for affine in (WHOLE, other)]
    here, there, shown = shared_places(*augmented, torch.tensor([drawn]))
    wanted_here = (2 * torch.tensor(drawn) - 1) * 0.9
    assert torch.allclose(here, wanted_here)
    assert torch.allclose(there, 2 * wanted_here + 1 if other is UPPER_LEFT else wanted_here, atol=1e-6)
    assert bool(shown) is wanted
