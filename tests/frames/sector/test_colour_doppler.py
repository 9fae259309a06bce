"""Colour Doppler is told from colour bars, drawings and tinted grey maps."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from echocare_core.frames.sector.colour_doppler import find_colour_doppler
from echocare_core.types import Region

HEIGHT, WIDTH = 240, 320
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
FLOW = (ROWS - 150) ** 2 / 30**2 + (COLUMNS - 180) ** 2 / 45**2 < 1


def speckle():
    """Grey tissue (height, width, 3) in a sector, black around it."""
    grey = np.random.default_rng(5).gamma(3, 25, (HEIGHT, WIDTH)).clip(0, 255)
    grey[abs(COLUMNS - WIDTH // 2) * 0.8 > (ROWS - 10)] = 0
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def velocity(rows=ROWS, columns=COLUMNS):
    """Red to yellow towards the probe, blue to cyan away from it."""
    speed = np.sin(columns / 14.0 + rows / 19.0)
    strong = (abs(speed) * 200).astype(np.uint8)
    towards = np.stack([150 + strong // 2, strong, 0 * strong], axis=-1)
    away = np.stack([0 * strong, strong, 150 + strong // 2], axis=-1)
    return np.where(speed[..., None] > 0, towards, away).astype(np.uint8)


def overlap(found, wanted):
    return (found & wanted).sum() / (found | wanted).sum()


@pytest.fixture
def doppler():
    picture = speckle()
    picture[FLOW] = velocity()[FLOW]
    return picture


def test_grey_tissue_has_no_colour():
    assert not find_colour_doppler(speckle()).any()


def test_coloured_flow_is_found(doppler):
    assert overlap(find_colour_doppler(doppler), FLOW) > 0.95


def test_flow_is_found_in_a_jpeg(doppler, tmp_path):
    Image.fromarray(doppler).save(tmp_path / "a.jpg", quality=75)
    assert overlap(find_colour_doppler(np.asarray(Image.open(tmp_path / "a.jpg"))), FLOW) > 0.85


@pytest.mark.parametrize("tint", [(1.0, 0.8, 0.5), (0.6, 0.8, 1.0), (1.0, 0.7, 0.7)], ids=["sepia", "blue", "pink"])
def test_a_tinted_grey_map_is_no_flow(tint):
    assert find_colour_doppler((speckle() * np.array(tint)).astype(np.uint8)).mean() < 0.001


def test_flow_that_is_brighter_than_all_tissue_is_found_on_a_tinted_map():
    tinted = (speckle() * np.array([0.3, 0.25, 0.15])).astype(np.uint8)
    red = COLUMNS % 160  # from blue to violet
    tinted[FLOW] = np.stack([red, 80 + 0 * red, 255 + 0 * red], axis=-1)[FLOW]
    assert overlap(find_colour_doppler(tinted), FLOW) > 0.95


def test_flow_is_found_on_a_tinted_map_but_for_the_tint_itself(doppler):
    tinted = (speckle() * np.array([1.0, 0.85, 0.6])).astype(np.uint8)
    tinted[FLOW] = doppler[FLOW]
    assert overlap(find_colour_doppler(tinted), FLOW) > 0.8


@pytest.mark.parametrize("lying", [False, True])
def test_a_colour_bar_is_no_flow(doppler, lying):
    bar = np.repeat(velocity(np.linspace(-60, 60, 100)[:, None], np.zeros((100, 1))), 10, axis=1)
    doppler[10:20, 5:105] = bar.swapaxes(0, 1) if lying else doppler[10:20, 5:105]
    if not lying:
        doppler[10:110, 5:15] = bar
    assert overlap(find_colour_doppler(doppler), FLOW) > 0.95


def test_coloured_text_and_calipers_are_no_flow():
    image = Image.fromarray(speckle())
    draw = ImageDraw.Draw(image)
    draw.text((100, 100), "RT OVARY 12 mm", fill=(255, 255, 0), font_size=18)
    draw.line((120, 180, 220, 140), fill=(0, 255, 0), width=2)
    draw.rectangle((250, 10, 300, 30), fill=(200, 30, 30))
    assert not find_colour_doppler(np.asarray(image)).any()


def test_where_a_colour_region_is_named_only_its_box_counts(doppler):
    box = np.zeros(FLOW.shape, dtype=bool)
    box[120:200, 130:180] = True
    found = find_colour_doppler(
        doppler, [Region("tissue", (0, 0, HEIGHT, WIDTH)), Region("colour_flow", (120, 130, 200, 180))]
    )
    assert overlap(found, FLOW & box) > 0.95


def test_a_coloured_spectrum_that_is_named_is_no_flow(doppler):
    doppler[200:] = velocity()[200:]
    found = find_colour_doppler(
        doppler, [Region("tissue", (0, 0, 200, WIDTH)), Region("spectral", (200, 0, HEIGHT, WIDTH))]
    )
    assert not found[200:].any()
    assert found[:200].any()


def test_a_black_picture_has_no_colour():
    assert not find_colour_doppler(np.zeros((20, 30, 3), dtype=np.uint8)).any()
