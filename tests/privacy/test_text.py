"""Burned-in text is found whatever it says, and tissue is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from screens import SECTOR, screen, written_pixels

from echocare_core.privacy.text import find_text


def boxes_as_mask(picture):
    mask = np.zeros(picture.shape[:2], dtype=bool)
    for box in find_text(picture):
        mask[box.top : box.bottom, box.left : box.right] = True
    return mask


@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 255, 0), (0, 255, 255), (230, 230, 230)])
@pytest.mark.parametrize("text", ["DOE^JANE", "ID 4711-0815", "15/02/1937"])
def test_text_inside_the_sector_is_found(text, colour):
    writing = [(150, 200, text)]
    picture = screen(writing=writing, colour=colour)[0]

    assert boxes_as_mask(picture)[written_pixels(writing)].mean() > 0.98


@pytest.mark.parametrize("grey", [160, 255])
def test_small_letters_are_found(grey):
    image = Image.fromarray(screen()[0])
    ImageDraw.Draw(image).text((150, 200), "15/02/1937", fill=(grey,) * 3, font=ImageFont.load_default(10))
    picture = np.asarray(image)
    written = (picture != screen()[0]).any(axis=-1)

    assert boxes_as_mask(picture)[written].mean() > 0.95


def test_a_letter_far_before_a_line_belongs_to_it():
    apart = [(150, 200, "F"), (185, 200, "Huber, Anna")]

    assert boxes_as_mask(screen(writing=apart)[0])[written_pixels(apart)].all()
    assert not boxes_as_mask(screen(writing=apart[:1])[0]).any()  # alone it is no line


def test_text_on_black_is_found():
    writing = [(10, 10, "St. Mary Hospital")]

    assert boxes_as_mask(screen(writing=writing)[0])[written_pixels(writing)].all()


def test_a_picture_without_text_loses_next_to_nothing():
    top, left, bottom, right = SECTOR

    assert boxes_as_mask(screen()[0])[top:bottom, left:right].mean() < 0.005


def doppler(seed):
    """Tissue with a box of flow in it: patches and threads of red, yellow and blue."""
    generator = np.random.default_rng(seed)
    picture = screen()[0]
    flow = gaussian_filter(generator.normal(size=(150, 220)), (6, 9))
    speed = np.clip(flow / flow.std(), -2, 2)
    colours = np.stack([120 + 65 * speed, 110 * (np.abs(speed) - 0.6), 120 - 65 * speed], axis=-1)
    moving = np.abs(speed) > 0.6
    picture[120:270, 130:350][moving] = np.clip(colours, 0, 255).astype(np.uint8)[moving]
    return picture


@pytest.mark.parametrize("seed", range(3))
def test_colour_doppler_is_no_text_and_text_on_it_is_found(seed):
    picture = doppler(seed)
    assert boxes_as_mask(picture)[120:270, 130:350].mean() < 0.01

    writing = [(150, 180, "DOE^JANE")]
    picture[written_pixels(writing)] = 255
    assert boxes_as_mask(picture)[written_pixels(writing)].mean() > 0.98


def test_noise_from_pixel_to_pixel_is_hardly_taken_for_text():
    generator = np.random.default_rng(0)
    picture = np.zeros((240, 320, 3), dtype=np.uint8)
    picture[20:220, 40:280] = np.clip(60 + 40 * generator.rayleigh(size=(200, 240, 1)), 0, 255)

    assert boxes_as_mask(picture).mean() < 0.1


def test_a_single_caliper_is_no_text():
    picture = screen()[0]
    picture[195:206, 200:202] = picture[200:202, 195:206] = 255

    assert not boxes_as_mask(picture)[195:206, 195:206].any()


def test_boxes_stay_inside_the_picture():
    writing = [(420, 0, "DOE^JANE"), (-8, 345, "19370215")]
    boxes = find_text(screen(writing=writing)[0])

    assert len(boxes) >= 2
    assert all(0 <= box.top < box.bottom <= 360 and 0 <= box.left < box.right <= 480 for box in boxes)


def test_a_black_picture_has_no_text():
    assert find_text(np.zeros((64, 64, 3), dtype=np.uint8)) == []
