"""The scan sector, on drawn pictures whose sector is known by other means than the code's own shape."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sector_pictures import HEIGHT, SHAPES, WIDTH, convex, pie, polygon, scan
from ultrasound_files import region, write_ultrasound

from echocare_core.frames.read import read_frames
from echocare_core.frames.sector import scan_sector, sector_of
from echocare_core.types import Frames, Region

EXACT = 0.98  # intersection over union where the whole edge is lit
HIDDEN = 0.96  # where part of the edge lies in shadow


shapes = pytest.mark.parametrize("mask", SHAPES.values(), ids=SHAPES)


def written_on(pixels, *texts, fill=(255, 255, 255)):
    image = Image.fromarray(pixels)
    for place, text in texts:
        ImageDraw.Draw(image).text(place, text, fill=fill)
    return np.array(image)


def overlap(found, mask):
    """Intersection over union."""
    return (found & mask).sum() / (found | mask).sum()


@shapes
def test_the_sector_of_every_kind_of_array_is_found(mask):
    assert overlap(scan_sector(scan(mask)), mask) > EXACT


@shapes
def test_a_sector_on_a_grey_screen_is_found(mask):
    assert overlap(scan_sector(scan(mask, background=70)), mask) > EXACT


@pytest.mark.parametrize(("name", "apex", "beams"), [("convex", -40, 24), ("phased", 30, 30)])
def test_a_flank_in_shadow_is_where_the_other_flank_says(name, apex, beams):
    mask, rows = SHAPES[name], np.arange(HEIGHT)[:, np.newaxis]
    pixels = scan(mask)
    pixels[(np.arctan2(np.arange(WIDTH) - 320, rows - apex) < -np.radians(beams)) & (rows > 150)] = 0
    assert pixels.any(axis=2).sum() < 0.9 * mask.sum()
    assert overlap(scan_sector(pixels), mask) > HIDDEN


def test_black_vessels_and_a_shadow_down_the_middle_are_inside():
    mask = convex()
    pixels = scan(mask)
    pixels[180:260, 200:300] = 0
    pixels[200:, 340:370] = 0
    assert overlap(scan_sector(pixels), mask) > EXACT


@shapes
def test_a_banner_a_ruler_a_colour_bar_and_a_menu_are_outside(mask):
    pixels = written_on(scan(mask), ((5, 3), "GENERAL HOSPITAL  DOE^JANE  1970-01-31"), ((560, 15), "MI 1.1 TIS 0.4"))
    pixels[60:420:20, 632:638] = 255
    pixels[100:300, 8:20] = np.linspace(255, 0, 200, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    pixels[455:] = 96
    pixels = written_on(pixels, ((20, 460), "Gen   Sector   Page 1/3"), fill=(0, 0, 0))
    mask = mask & (np.arange(HEIGHT)[:, np.newaxis] < 455)
    assert overlap(scan_sector(pixels), mask) > EXACT


def test_text_and_callipers_inside_the_sector_do_not_move_it():
    mask = convex()
    pixels = written_on(scan(mask), ((260, 200), "LIVER LEFT LOBE"), ((200, 300), "+ 12.3 mm"), ((380, 330), "+"))
    assert overlap(scan_sector(pixels), mask) > EXACT


def test_a_rim_of_screen_left_by_masking_is_outside():
    mask = convex()
    around = np.array(Image.fromarray(mask).resize((WIDTH // 2, HEIGHT // 2)))
    grown = np.zeros_like(around)
    for down in range(-4, 5):
        for right in range(-4, 5):
            grown |= np.roll(around, (down, right), axis=(0, 1))
    rim = np.array(Image.fromarray(grown).resize((WIDTH, HEIGHT)))
    pixels = scan(mask, background=30)
    pixels[~rim] = 0
    assert overlap(rim, mask) < 0.93
    assert overlap(scan_sector(pixels), mask) > HIDDEN


@pytest.mark.parametrize("grey", [0, 60, 255])
def test_a_flat_picture_has_no_sector(grey):
    assert not scan_sector(np.full((HEIGHT, WIDTH, 3), grey, dtype=np.uint8)).any()


def test_text_alone_is_no_sector():
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    assert not scan_sector(written_on(pixels, ((100, 100), "NO SIGNAL"), ((300, 300), "Please wait"))).any()


@pytest.mark.parametrize("shape", [(240, 320), (300, 300), (600, 200)])
def test_a_picture_that_is_tissue_up_to_its_edges_is_inside_as_a_whole(shape):
    assert scan_sector(scan(np.ones(shape, dtype=bool))).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (16, 16), (700, 16)])
def test_no_shape_of_picture_fails(shape):
    found = scan_sector(scan(np.ones(shape, dtype=bool)))
    assert (found.shape, found.dtype) == (shape, np.bool_)


def test_the_mask_is_drawn_at_the_size_that_is_asked_for():
    mask = convex()
    small = np.array(Image.fromarray(mask).resize((160, 120), Image.Resampling.NEAREST))
    found = scan_sector(scan(mask), (120, 160))
    assert found.shape == (120, 160)
    assert overlap(found, small) > HIDDEN


def test_tissue_of_no_known_shape_has_its_hull():
    drawn = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(drawn).ellipse((40, 140, 600, 340), fill=1)
    mask = np.array(drawn)
    assert overlap(scan_sector(scan(mask)), mask) > 0.9


def test_in_a_cine_what_stands_still_is_outside():
    mask = convex()
    frames = np.stack([scan(mask, seed=number) for number in range(3)])
    logo = np.random.default_rng(9).integers(40, 250, (150, 120, 3), dtype=np.uint8)
    frames[:, 300:450, 10:130] = logo
    assert overlap(scan_sector(frames), mask) > HIDDEN
    assert overlap(scan_sector(frames[0]), mask) < overlap(scan_sector(frames), mask)


def test_a_frozen_cine_has_the_sector_of_its_picture():
    frames = np.stack([scan(convex())] * 3)
    np.testing.assert_array_equal(scan_sector(frames), scan_sector(frames[0]))


class Stills(list):
    """Pixels that count which frames are decoded."""

    def __init__(self, frames):
        super().__init__(frames)
        self.decoded = []

    def __getitem__(self, number):
        self.decoded.append(number)
        return super().__getitem__(number)


def test_few_frames_of_a_long_cine_are_decoded():
    pixels = Stills([scan(convex(), seed=number) for number in range(3)] * 10)
    assert overlap(sector_of(Frames(Path("cine"), pixels, (HEIGHT, WIDTH))), convex()) > EXACT
    assert pixels.decoded == [0, 7, 14, 22, 29]


def test_each_of_two_regions_has_a_sector_of_its_own_and_nothing_outside_is_inside():
    left = pie(150, 40, 300, 60, 120)
    right = polygon((360, 60), (600, 60), (600, 300), (360, 300))
    pixels = scan(left | right)
    pixels[400:, 100:500] = scan(np.ones((80, 400), dtype=bool))
    regions = (
        Region("tissue", (30, 0, 360, 310)),
        Region("tissue", (50, 350, 310, 610)),
        Region("m_mode", (400, 0, 480, 640)),
    )
    found = sector_of(Frames(Path("dual"), [pixels], (HEIGHT, WIDTH), regions=regions))
    assert overlap(found, left | right) > EXACT
    assert not found[400:].any()


def test_a_file_with_a_region_keeps_its_banner_outside(tmp_path):
    mask = convex()
    pixels = scan(mask)
    pixels[:50, :300] = scan(np.ones((50, 300), dtype=bool))
    box = (55, 0, HEIGHT, WIDTH)
    path = write_ultrasound(tmp_path / "still", pixels[np.newaxis], regions=[region(box)])
    found = sector_of(read_frames(path))
    assert not found[:50].any()
    mask[:55] = False
    assert overlap(found, mask) > EXACT
