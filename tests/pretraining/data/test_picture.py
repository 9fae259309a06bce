"""The square picture and its scan sector, on drawn images whose sector is known."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from echocare_core.pretraining.data.picture import prepare_picture

SIZE = 160


def speckle(height, width, seed=0):
    """Tissue: grey noise, uint8 (height, width, 3)."""
    grey = np.random.default_rng(seed).integers(30, 200, (height, width, 1), dtype=np.uint8)
    return grey.repeat(3, axis=2)


def fan(height=240, width=320):
    """Bool (height, width): a sector with straight flanks and a round bottom."""
    drawn = Image.new("1", (width, height))
    ImageDraw.Draw(drawn).pieslice((-30, -170, 350, 210), 55, 125, fill=1)  # round (160, 20), radius 190
    return np.array(drawn)


def scan(mask, background=0):
    """Tissue inside a mask, one grey level outside."""
    return np.where(mask[..., np.newaxis], speckle(*mask.shape), np.uint8(background))


def overlap(picture, mask):
    """Intersection over union of a picture's sector with a mask of the image it was made from."""
    expected = prepare_picture(mask[..., np.newaxis].repeat(3, axis=2).astype(np.uint8) * 255, SIZE).image[0] > 127
    return (picture.inside_sector & expected).sum() / (picture.inside_sector | expected).sum()


def written_on(pixels, *texts):
    image = Image.fromarray(pixels)
    for place, text in texts:
        ImageDraw.Draw(image).text(place, text, fill=(255, 255, 255))
    return np.array(image)


@pytest.mark.parametrize(
    ("height", "width", "own"),
    [(240, 320, np.s_[20:140, :]), (320, 240, np.s_[:, 20:140]), (16, 32, np.s_[40:120, :]), (50, 50, np.s_[:, :])],
)
def test_a_picture_keeps_its_proportions_in_the_middle_of_a_black_square(height, width, own):
    picture = prepare_picture(np.full((height, width, 3), 255, dtype=np.uint8), SIZE)
    expected = np.zeros((3, SIZE, SIZE), dtype=np.uint8)
    expected[(slice(None), *own)] = 255
    np.testing.assert_array_equal(picture.image, expected)
    assert picture.image.flags["C_CONTIGUOUS"]


def test_a_picture_stays_upright_and_its_colours_in_order():
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[:50, 50:] = (250, 120, 30)
    image = prepare_picture(pixels, 50).image
    assert image[:, 10, 40].tolist() == [250, 120, 30]
    assert not image[:, 30:, :].any()
    assert not image[:, :, :20].any()


def test_a_fine_pattern_is_averaged_when_it_is_made_small():
    pixels = np.zeros((640, 640, 3), dtype=np.uint8)
    pixels[::2] = 255
    image = prepare_picture(pixels, 64).image[:, 2:-2, 2:-2].astype(int)
    assert np.ptp(image) < 10
    assert abs(image.mean() - 127) < 5


@pytest.mark.parametrize("grey", [0, 60, 255])
def test_a_flat_image_has_no_pixel_inside(grey):
    assert not prepare_picture(np.full((240, 320, 3), grey, dtype=np.uint8), SIZE).inside_sector.any()


def test_an_image_that_is_tissue_up_to_its_edges_is_inside_as_a_whole():
    inside = prepare_picture(speckle(240, 320), SIZE).inside_sector
    assert inside[20:140].all()
    assert not inside[:20].any()
    assert not inside[140:].any()


def test_a_sector_on_black_is_found():
    assert overlap(prepare_picture(scan(fan()), SIZE), fan()) > 0.93


@pytest.mark.parametrize("grey", [40, 110])
def test_a_sector_between_grey_menus_is_found(grey):
    box = np.zeros((240, 320), dtype=bool)
    box[30:220, 60:250] = True
    assert overlap(prepare_picture(scan(box, background=grey), SIZE), box) > 0.93


def test_two_menus_of_different_grey_are_both_left_out():
    box = np.zeros((240, 320), dtype=bool)
    box[60:220, 60:250] = True
    pixels = scan(box, background=90)
    pixels[:40] = 140
    assert overlap(prepare_picture(pixels, SIZE), box) > 0.93


def test_text_a_ruler_and_a_colour_bar_are_not_inside():
    pixels = written_on(scan(fan()), ((5, 5), "GENERAL HOSPITAL"), ((240, 5), "MI 1.1"), ((5, 220), "22 Hz"))
    pixels[20:200:10, 310:316] = 255
    pixels[40:140, 8:14] = np.linspace(255, 0, 100, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    assert overlap(prepare_picture(pixels, SIZE), fan()) > 0.93


def test_a_black_vessel_and_a_shadow_inside_the_sector_are_inside():
    pixels, mask = scan(fan()), fan()
    pixels[100:140, 140:180] = 0
    pixels[150:, 155:165] = 0
    assert overlap(prepare_picture(pixels, SIZE), mask) > 0.93


def test_tissue_that_a_shadow_cuts_in_two_is_one_sector():
    pixels = speckle(240, 320)
    pixels[:, 150:170] = 0
    assert prepare_picture(pixels, SIZE).inside_sector[20:140].all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (16, 16), (700, 16), (1200, 1600)])
@pytest.mark.parametrize("size", [16, 160])
def test_no_shape_of_image_fails(shape, size):
    picture = prepare_picture(speckle(*shape), size)
    assert picture.image.shape == (3, size, size)
    assert (picture.image.dtype, picture.inside_sector.dtype) == (np.uint8, np.bool_)
    assert picture.inside_sector.shape == (size, size)


@pytest.mark.parametrize("lit", [1, 2, 30])
def test_a_few_lit_pixels_are_no_sector(lit):
    pixels = np.zeros((240, 320, 3), dtype=np.uint8)
    pixels[100, 100 : 100 + lit] = 255
    assert not prepare_picture(pixels, SIZE).inside_sector.any()
