"""Enhancement: a correction of echoes alone, shown with what it changed, and scored beside the original."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image, ImageDraw, ImageFont

from echocare_core.errors import TableError
from echocare_core.tasks.enhancement import (
    EnhancementLoss,
    EnhancementNetwork,
    EnhancementOutputd,
    score_enhancement,
)
from echocare_core.tasks.enhancement.score import compare_pictures, speckle_index


def network(seed=0):
    """A small one that corrects something."""
    torch.manual_seed(seed)
    made = EnhancementNetwork(widths=[4, 6, 8], blocks=1)
    for rung in (made.lowest_rung, *made.rungs):
        torch.nn.init.normal_(rung.weight, std=0.05)
    return made


@pytest.mark.parametrize("size", [(64, 64), (37, 53), (8, 200)])
def test_a_network_that_learned_nothing_gives_back_a_picture_of_any_size(size):
    image = torch.rand(2, 3, *size)
    assert torch.equal(EnhancementNetwork(widths=[4, 6], blocks=1)(image), image)


def test_grey_stays_grey_and_colours_keep_their_differences():
    image = torch.rand(1, 3, 33, 47)
    correction = network()(image) - image
    assert correction.abs().max() > 1e-3
    torch.testing.assert_close(correction, correction[:, :1].expand(-1, 3, -1, -1), atol=1e-6, rtol=0)


def test_every_level_of_the_ladder_corrects():
    image, made = torch.rand(1, 3, 64, 64), network()
    whole = made(image)
    for rung in (made.lowest_rung, *made.rungs):
        weight = rung.weight.data.clone()
        rung.weight.data.zero_()
        assert (made(image) - whole).abs().max() > 1e-4
        rung.weight.data.copy_(weight)


def test_a_place_far_from_the_border_is_corrected_alike_wherever_the_picture_is_cut():
    """So that a frame of any size is treated as the crops it has learned from."""
    image, made = torch.rand(1, 3, 160, 160), network()
    torch.testing.assert_close(made(image)[..., 64:96, 64:96], made(image[..., 16:144, 16:144])[..., 48:80, 48:80])


def test_the_network_can_be_scripted():
    image, made = torch.rand(1, 3, 37, 53), network()
    torch.testing.assert_close(torch.jit.script(made)(image), made(image))


def test_the_loss_is_that_of_its_equations():
    one, other = (torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    error = (one - other).double().numpy()
    penalties = [np.sqrt(part**2 + 0.01**2).mean() for part in (error, np.diff(error), np.diff(error, axis=-2))]
    assert float(EnhancementLoss(epsilon=0.01, gradient=0.5)(one, other)) == pytest.approx(
        penalties[0] + 0.5 * (penalties[1] + penalties[2]), rel=1e-5
    )


def frame(size=(60, 80), level=100):
    """Tissue up to the edges of the picture, with the same grain at every level."""
    grain = np.random.default_rng(0).integers(-30, 31, size)
    return np.repeat((level + grain)[..., None], 3, axis=-1).astype(np.uint8)


def answer(recorded, corrected, box=None, **settings):
    """What the output transform makes of a recorded and a corrected frame, uint8 (height, width, 3)."""
    height, width = recorded.shape[:2]
    meta = {"scan_box": torch.tensor(box or (0, 0, height, width))}
    image, pred = (torch.from_numpy(one).permute(2, 0, 1).float() / 255 for one in (recorded, corrected))
    transform = EnhancementOutputd("pred", "image", **{"colour_tolerance": 24, "difference_gain": 4.0, **settings})
    return transform({"image": MetaTensor(image, meta=meta), "pred": pred})


def outputs(*args, **settings):
    return answer(*args, **settings)["outputs"]


def test_the_corrected_frame_is_shown_with_the_difference_and_its_mean():
    recorded, corrected = frame(), frame()
    corrected[:30] += 10
    enhanced, difference, change = outputs(recorded, corrected)
    np.testing.assert_array_equal(enhanced.pixels, corrected)
    assert (difference.pixels[:30] == 128 + 40).all()
    assert (difference.pixels[30:] == 128).all()
    assert (change.column, change.value) == ("mean_change_percent", pytest.approx(100 * 5 / 255))


def test_what_the_network_gives_beyond_black_and_white_is_clipped():
    recorded = frame(level=200)
    item = answer(recorded, recorded)
    item["pred"] = item["pred"] + 0.5
    transform = EnhancementOutputd("pred", "image", colour_tolerance=24, difference_gain=4.0)
    assert (transform(item)["outputs"][0].pixels == 255).all()


def test_nothing_outside_the_scan_region_is_changed():
    recorded, corrected = frame(), frame(level=150)
    enhanced, _, _ = outputs(recorded, corrected, box=(10, 20, 50, 70))
    outside = np.ones((60, 80), bool)
    outside[10:50, 20:70] = False
    np.testing.assert_array_equal(enhanced.pixels, np.where(outside[..., None], recorded, corrected))


def test_a_colour_stays_as_it_was_recorded_and_so_does_what_lies_beside_it():
    recorded = frame()
    recorded[20:30, 40:50] = (200, 60, 30)
    corrected = frame(level=150)
    enhanced, _, _ = outputs(recorded, corrected)
    np.testing.assert_array_equal(enhanced.pixels[19:31, 39:51], recorded[19:31, 39:51])
    np.testing.assert_array_equal(enhanced.pixels[18], corrected[18])


def test_a_tinge_within_the_tolerance_is_corrected_as_grey_is():
    recorded = frame()
    tinged = (slice(None), slice(60, 80), 2)
    recorded[tinged] += 20
    corrected = recorded + 5
    assert (outputs(recorded, corrected)[0].pixels == corrected).all()
    assert (outputs(recorded, corrected, colour_tolerance=10)[0].pixels[:, 60:] == recorded[:, 60:]).all()


@pytest.mark.parametrize("tint", [(1.0, 0.8, 0.5), (0.5, 0.7, 1.0)], ids=["sepia", "blue"])
def test_a_picture_in_a_tinted_map_is_corrected_but_for_what_has_another_colour(tint):
    recorded = (frame() * np.array(tint)).astype(np.uint8)
    recorded[20:30, 40:50] = (40, 220, 40)
    corrected = recorded + 5
    enhanced = outputs(recorded, corrected)[0].pixels
    np.testing.assert_array_equal(enhanced[19:31, 39:51], recorded[19:31, 39:51])
    np.testing.assert_array_equal(enhanced[:19], corrected[:19])


def test_text_above_the_sector_stays_as_it_was_recorded():
    sheet = Image.new("RGB", (320, 240))
    ImageDraw.Draw(sheet).text((60, 10), "LONG AXIS 12", fill=(250, 250, 250), font=ImageFont.load_default(20))
    recorded = np.array(sheet)
    recorded[60:220, 40:280] = frame(size=(160, 240))
    enhanced = outputs(recorded, recorded // 2)[0].pixels
    np.testing.assert_array_equal(enhanced[:50], recorded[:50])
    np.testing.assert_array_equal(enhanced[70:210, 50:270], recorded[70:210, 50:270] // 2)


def test_a_picture_without_echoes_stays_as_it_was_recorded():
    black = np.zeros((60, 80, 3), np.uint8)
    enhanced, _, change = outputs(black, frame())
    np.testing.assert_array_equal(enhanced.pixels, black)
    assert change.value == 0


def scored(enhanced, degraded, original):
    pred, image, label = (
        torch.from_numpy(one).permute(2, 0, 1).float() / 255 for one in (enhanced, degraded, original)
    )
    meta = {"scan_box": torch.tensor((0, 0, *image.shape[1:]))}
    return score_enhancement(
        {"pred": pred, "image": MetaTensor(image, meta=meta), "label": label, "image_in_table": "a.png"}
    )


def test_a_picture_that_is_ten_levels_off_has_the_psnr_of_that():
    found = scored(frame(level=105), frame(level=110), frame())
    assert found["psnr_db"] == pytest.approx(20 * np.log10(255 / 5), abs=0.01)
    assert found["degraded_psnr_db"] == pytest.approx(20 * np.log10(255 / 10), abs=0.01)


def test_equal_pictures_have_the_psnr_of_half_a_grey_level_and_an_ssim_of_1():
    grey = np.random.default_rng(0).random((40, 50))
    assert compare_pictures(grey, grey) == {"psnr_db": pytest.approx(20 * np.log10(510)), "ssim": pytest.approx(1)}


def test_an_original_of_another_size_is_refused_by_name():
    with pytest.raises(TableError, match=r"a\.png has 80x60 px and its original 40x30 px"):
        scored(frame(), frame(), frame(size=(30, 40)))


def test_the_speckle_index_is_the_share_by_which_grain_varies():
    grain = 0.5 * (1 + 0.2 * np.random.default_rng(0).standard_normal((200, 200)))
    assert speckle_index(grain) == pytest.approx(0.2, rel=0.05)
    assert speckle_index(np.full((50, 50), 0.5)) == pytest.approx(0, abs=1e-6)
    assert speckle_index(np.zeros((50, 50))) == 0
