"""Augmented views: what one may change, what it never does, and that the sector moves with the picture."""

import pytest
import torch
from torch.nn import functional

from echocare_core.pretraining.views.augmentation import (
    ViewSettings,
    make_view,
    move_pixel_label,
    plain_view,
    prepare_pixels,
)

SIDE = 96
STRONG = ViewSettings(
    area=0.3, aspect=1.5, rotation_degrees=40, gamma=2, gain=0.5, depth_gain=0.5, speckle=0.3, blur=0.5
)
UNCHANGED = {
    "area": 1.0,
    "aspect": 1.0,
    "rotation_degrees": 0.0,
    "flip": 0.0,
    "gamma": 1.0,
    "gain": 0.0,
    "depth_gain": 0.0,
    "speckle": 0.0,
    "blur": 0.0,
}
POSITIONS = torch.arange(50, 66)


def pictures(count=16, brightness=None):
    """Speckle, or one brightness, in a square off the centre on black, and the square."""
    sector = torch.zeros(count, 1, SIDE, SIDE, dtype=torch.uint8)
    sector[:, :, 20:80, 10:70] = 1
    pixels = torch.randint(40, 256, (count, 1, SIDE, SIDE)) if brightness is None else torch.tensor(brightness)
    return (pixels * sector).to(torch.uint8).repeat(1, 3, 1, 1), sector


def view(images, settings, name="0", size=64, positions=POSITIONS, seed=1):
    augmented_view = make_view(prepare_pixels(*images, size), positions, name, size, settings, seed)
    return augmented_view.image, augmented_view.inside


def only(**changes):
    """Settings that change nothing but this."""
    return ViewSettings(**{**UNCHANGED, **changes})


def test_a_view_is_float32_from_0_to_1_with_a_sector_of_its_size():
    shown, inside = view(pictures(), STRONG, size=40)
    assert (shown.shape, shown.dtype) == ((16, 3, 40, 40), torch.float32)
    assert (inside.shape, inside.dtype) == ((16, 1, 40, 40), torch.bool)
    assert float(shown.min()) >= 0
    assert float(shown.max()) <= 1


def test_settings_that_change_nothing_give_the_picture_back():
    images = pictures()
    shown, inside = view(images, only(), size=SIDE)
    assert torch.allclose(shown, images[0] / 255, atol=1e-5)
    assert torch.equal(inside, images[1].bool())


def test_a_smaller_view_is_averaged_not_thinned():
    images = pictures()
    shown, _ = view(images, only(), size=SIDE // 3)
    assert torch.allclose(shown, functional.avg_pool2d(images[0] / 255, 3), atol=1e-5)


def test_labels_of_pixels_move_with_the_picture():
    images = pictures(brightness=250)
    settings = only(area=0.3, aspect=1.5, rotation_degrees=40.0, flip=0.5)
    shown = make_view(prepare_pixels(*images, 64), POSITIONS, "0", 64, settings, 1)
    label = move_pixel_label(images[1] * 201, shown.affine, 64)
    assert (label.shape, label.dtype) == ((16, 64, 64), torch.uint8)
    assert set(label.unique().tolist()) == {0, 201}
    assert ((label == 201) == shown.inside[:, 0]).float().mean() > 0.98


def test_labels_beyond_the_picture_are_unknown():
    affine = torch.tensor([[[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]])
    label = move_pixel_label(torch.full((1, 1, 30, 30), 255, dtype=torch.uint8), affine, 30)
    assert label[0, 10:20, 10:20].min() == 255
    assert label.count_nonzero() == 100


@pytest.mark.parametrize("part", [slice(0, 1), slice(5, 9), slice(15, 16)])
def test_an_image_has_the_same_view_alone_and_in_a_batch(part):
    image, sector = pictures()
    shown, inside = view((image, sector), STRONG)
    some, some_inside = view((image[part], sector[part]), STRONG, positions=POSITIONS[part])
    assert torch.allclose(some, shown[part], atol=1e-6)
    assert torch.equal(some_inside, inside[part])


@pytest.mark.parametrize("other", [{"name": "1"}, {"seed": 2}, {"positions": POSITIONS + 16}])
def test_another_view_seed_or_position_crops_and_changes_otherwise(other):
    images = pictures()
    first, second = view(images, STRONG), view(images, STRONG, **other)
    assert ((first[0] - second[0]).abs().mean((1, 2, 3)) > 0.01).all()
    assert (first[1] != second[1]).flatten(1).any(1).all()


def test_the_same_view_comes_again():
    images = pictures()
    assert all(torch.equal(*pair) for pair in zip(view(images, STRONG), view(images, STRONG), strict=True))


def test_black_background_stays_black():
    shown, inside = view(pictures(), STRONG)
    near = functional.max_pool2d(inside.float(), 5, stride=1, padding=2).bool().expand_as(shown)
    assert not shown[~near].any()
    assert shown[inside.expand_as(shown)].mean() > 0.1


def test_the_sector_moves_with_the_picture():
    images = pictures(brightness=255)
    shown, inside = view(images, only(area=0.3, aspect=1.5, rotation_degrees=40, flip=0.5))
    centres = [one.nonzero().float().mean(0) for one in inside[:, 0]]
    assert torch.stack(centres).std(0).min() > 2
    disagreement = (shown[:, :1] >= 0.5) != inside
    assert float(disagreement.float().mean()) < 1e-4


def test_a_flip_mirrors_left_and_right():
    images = pictures()
    shown, inside = view(images, only(flip=1.0), size=SIDE)
    assert torch.allclose(shown, images[0].flip(-1) / 255, atol=1e-4)
    assert torch.equal(inside, images[1].bool().flip(-1))


def test_half_of_the_views_are_mirrored_when_asked_for_half():
    _, sector = pictures(1)
    many = sector.expand(1000, 1, SIDE, SIDE)
    _, inside = view((many.repeat(1, 3, 1, 1), many), only(flip=0.5), size=8, positions=torch.arange(1000))
    mirrored = inside[..., 4:].sum((1, 2, 3)) > inside[..., :4].sum((1, 2, 3))
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("area", [0.25, 0.64])
def test_a_crop_keeps_no_less_of_the_picture_than_asked(area):
    """A ramp from left to right and one from top to bottom tell how much of each side is in sight."""
    ramp = torch.linspace(0, 255, SIDE).round().to(torch.uint8)
    image = torch.stack([ramp.expand(SIDE, SIDE), ramp[:, None].expand(SIDE, SIDE), torch.full((SIDE, SIDE), 255)])
    images = image[None].to(torch.uint8).repeat(500, 1, 1, 1), torch.ones(500, 1, SIDE, SIDE, dtype=torch.uint8)
    shown, inside = view(images, only(area=area), size=48, positions=torch.arange(500))
    sides = [shown[:, 0, :, -1] - shown[:, 0, :, 0], shown[:, 1, -1] - shown[:, 1, 0]]
    kept = sides[0].mean(1) * sides[1].mean(1)
    assert inside.all()
    assert float(kept.min()) == pytest.approx(area, abs=0.04)
    assert float(kept.max()) == pytest.approx(1, abs=0.06)
    assert float(kept.mean()) == pytest.approx((1 + area) / 2, abs=0.05)


def test_a_rotation_turns_the_picture_without_stretching_it():
    """The square stays as large as it was; its corners leave their places."""
    sector = torch.zeros(16, 1, SIDE, SIDE, dtype=torch.uint8)
    sector[:, :, 32:64, 32:64] = 1
    _, inside = view((sector.repeat(1, 3, 1, 1) * 255, sector), only(rotation_degrees=40.0), size=SIDE)
    assert inside.sum((1, 2, 3)).float().sub(32 * 32).abs().max() < 30
    widths = inside.any(2).sum(-1).flatten().float()
    assert float(widths.max()) > 40


def test_the_place_of_a_view_says_which_part_of_the_picture_each_pixel_shows():
    """The colours of a picture are its own coordinates: red from left to right, green from top to bottom."""
    across = ((torch.arange(SIDE) + 0.5) / SIDE).expand(16, 1, SIDE, SIDE)
    ones = torch.ones(16, 1, SIDE, SIDE)
    pixels = torch.cat([across, across.mT, ones, ones], 1)
    settings = only(area=0.3, aspect=1.5, rotation_degrees=40.0, flip=0.5)
    augmented_view = make_view(pixels, POSITIONS, "0", 5, settings, 1)
    centres = torch.linspace(-0.8, 0.8, 5)
    of_view = torch.stack([centres.expand(5, 5), centres[:, None].expand(5, 5), torch.ones(5, 5)], -1)
    told = (torch.einsum("bij,rcj->birc", augmented_view.affine, of_view) + 1) / 2
    whole = (told > 0.01).all(1) & (told < 0.99).all(1)
    assert float(whole.float().mean()) > 0.8
    assert torch.allclose(augmented_view.image[:, :2].movedim(1, -1)[whole], told.movedim(1, -1)[whole], atol=1e-5)


GREY = 128 / 255


@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [(only(gain=0.3), 0.7 * GREY, 1.3 * GREY), (only(gamma=1.6), GREY**1.6, GREY ** (1 / 1.6))],
    ids=["gain", "gamma"],
)
def test_brightness_changes_all_over_and_no_more_than_asked(settings, least, most):
    shown, inside = view(pictures(brightness=128), settings, size=SIDE)
    levels = shown[:, 0, 40, 40]
    assert least - 0.001 < float(levels.min()) < GREY - 0.05
    assert GREY + 0.05 < float(levels.max()) < most + 0.001
    assert torch.allclose(shown, levels.view(-1, 1, 1, 1) * inside, atol=1e-4)


def test_depth_gain_changes_brightness_evenly_from_top_to_bottom():
    shown, _ = view(pictures(brightness=100), only(depth_gain=0.4), size=SIDE)
    rows = shown[:, 0, 25:75, 40]
    steps = rows.diff(dim=1)
    assert torch.allclose(steps, steps.mean(1, keepdim=True).expand_as(steps), atol=1e-4)
    assert (steps.mean(1) > 0).any()
    assert (steps.mean(1) < 0).any()


def test_speckle_has_grains_of_two_pixels_and_no_colour():
    shown, _ = view(pictures(brightness=100), only(speckle=0.2), size=SIDE)
    inner = shown[:, :, 22:78, 12:68]
    assert torch.equal(inner[:, :, 0::2, 0::2], inner[:, :, 1::2, 1::2])
    assert torch.equal(inner[:, 0], inner[:, 2])
    deviations = inner[:, 0, ::2, ::2].flatten(1).std(1) / (100 / 255)
    assert 0 < float(deviations.min()) < float(deviations.max()) < 0.22


def test_a_blurred_view_weighs_neighbours_1_2_1():
    images = pictures()
    shown, _ = view(images, only(blur=1.0), size=SIDE)
    pixels, weights = images[0] / 255, {-1: 0.25, 0: 0.5, 1: 0.25}
    wanted = sum(
        weights[down] * weights[across] * pixels[:, :, 50 + down, 40 + across] for down in weights for across in weights
    )
    assert torch.allclose(shown[:, :, 50, 40], wanted, atol=1e-4)


def test_a_picture_without_a_sector_keeps_what_is_lit():
    image, sector = pictures(brightness=200)
    shown, inside = view((image, torch.zeros_like(sector)), only(), size=SIDE)
    assert not inside.any()
    assert torch.allclose(shown, image / 255, atol=1e-4)


def test_the_plain_view_is_the_whole_picture_at_another_size():
    image, sector = pictures(brightness=255)
    shown, inside = plain_view(image, sector, SIDE // 2)
    assert torch.equal(inside, sector[:, :, ::2, ::2].bool())
    assert torch.allclose(shown[:, :, 15:35, 10:30], torch.ones(16, 3, 20, 20))
    assert not shown[:, :, :8].any()
