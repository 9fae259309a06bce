from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from echocare_core.results.overlay import draw_overlay
from echocare_core.results.overlay.canvas import COLOURS, enlargement
from echocare_core.results.table.mask import mask_image
from echocare_core.types import Mask


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def rectangle(height: int, width: int, top: int, left: int, bottom: int, right: int, label: int = 1) -> np.ndarray:
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[top:bottom, left:right] = label
    return mask


def changed(overlay: np.ndarray, image: np.ndarray, factor: int = 1) -> np.ndarray:
    """Which pixels of the picture part are not as recorded."""
    height, width = image.shape[0] * factor, image.shape[1] * factor
    return (overlay[:height, :width] != np.kron(image, np.ones((factor, factor, 1), np.uint8))).any(axis=2)


def test_pixels_away_from_the_outline_are_as_recorded():
    image, mask = noise(500, 600), rectangle(500, 600, 200, 250, 300, 350)
    rows, columns = np.nonzero(changed(draw_overlay(image, [Mask(mask, {1: "lesion"})]), image))
    assert rows.min() >= 200 - 4
    assert rows.max() < 300 + 4
    assert columns.min() >= 250 - 4
    assert columns.max() < 350 + 4


def test_anatomy_inside_the_outline_is_hardly_tinted():
    image, mask = noise(500, 600), rectangle(500, 600, 100, 100, 300, 300)
    inside = (slice(110, 290), slice(110, 290))
    difference = draw_overlay(image, [Mask(mask, {1: "lesion"})])[inside].astype(int) - image[inside]
    assert 0 < np.abs(difference).max() <= 0.1 * 255


def test_the_outline_has_the_colour_of_its_label_on_the_edge_of_the_mask():
    image = np.zeros((500, 600, 3), dtype=np.uint8)
    overlay = draw_overlay(image, [Mask(rectangle(500, 600, 100, 100, 300, 300, label=2), {2: "cyst"})])
    assert tuple(overlay[200, 100]) == COLOURS[1]
    assert tuple(overlay[100, 200]) == COLOURS[1]


def test_bright_tissue_beside_the_outline_is_dimmed_but_not_hidden():
    white = np.full((500, 600, 3), 255, dtype=np.uint8)
    overlay = draw_overlay(white, [Mask(rectangle(500, 600, 100, 100, 300, 300), {1: "lesion"})])
    beside = overlay[200, 95:100].max(axis=1)
    assert 100 < beside.min() < 220


@pytest.mark.parametrize("corner", [(0, 0), (0, 590), (490, 0), (490, 590)])
def test_a_mask_in_a_corner_is_drawn_in_that_corner(corner: tuple[int, int]):
    top, left = corner
    image = noise(500, 600)
    mask = rectangle(500, 600, top, left, top + 10, left + 10)
    rows, columns = np.nonzero(changed(draw_overlay(image, [Mask(mask, {1: "lesion"})]), image))
    assert abs(rows.mean() - (top + 4.5)) < 2
    assert abs(columns.mean() - (left + 4.5)) < 2


def test_a_small_picture_is_enlarged_by_a_whole_factor_and_otherwise_as_recorded():
    image, mask = noise(150, 200), rectangle(150, 200, 50, 50, 60, 60)
    overlay = draw_overlay(image, [Mask(mask, {1: "lesion"})])
    assert overlay.shape[1] == 600
    assert not changed(overlay, image, factor=3)[: 3 * 40].any()


@pytest.mark.parametrize("size", [(768, 1024), (2000, 100)])
def test_a_large_picture_keeps_its_size(size: tuple[int, int]):
    assert enlargement(*size) == 1


def test_the_caption_stands_below_the_picture_and_never_on_it():
    image, mask = noise(500, 600), np.zeros((500, 600), dtype=np.uint8)
    overlay = draw_overlay(image, [Mask(mask, {})], ["lesion area 123 mm²"])
    assert overlay.shape[0] > 500
    assert np.array_equal(overlay[:500], image)
    assert overlay[500:].max() > 200  # ink


def test_an_empty_mask_without_caption_leaves_the_picture_alone():
    image = noise(500, 600)
    assert np.array_equal(draw_overlay(image, [Mask(np.zeros((500, 600), np.uint8), {1: "lesion"})]), image)


def test_a_caption_longer_than_the_picture_is_wide_takes_more_rows():
    image, mask = noise(500, 600), np.zeros((500, 600), dtype=np.uint8)
    one, many = (
        draw_overlay(image, [Mask(mask, {})], ["area"]),
        draw_overlay(image, [Mask(mask, {})], ["a very long remark " * 20]),
    )
    assert len(many) - 500 > 3 * (len(one) - 500)
    assert many.shape[1] == 600


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3)])
def test_a_picture_of_any_shape_gets_an_overlay(size: tuple[int, int]):
    overlay = draw_overlay(noise(*size), [Mask(np.ones(size, np.uint8), {1: "lesion"})], ["lesion area 1 mm²"])
    assert overlay.shape[0] > size[0]


def test_a_mask_png_gives_the_label_numbers_back():
    mask = np.random.default_rng(1).choice(np.array([0, 1, 2, 9, 255], np.uint8), (40, 30))
    file = BytesIO()
    mask_image(mask).save(file, format="PNG")
    assert np.array_equal(np.asarray(Image.open(file)), mask)


def test_a_mask_png_shows_its_labels_to_a_person():
    colours = np.asarray(mask_image(np.array([[0, 1, 2]], np.uint8)).convert("RGB"))[0]
    assert [tuple(colour) for colour in colours] == [(0, 0, 0), COLOURS[0], COLOURS[1]]
