from __future__ import annotations

import tracemalloc
from io import BytesIO
from time import process_time

import numpy as np
import pytest
from PIL import Image

from echocare_core.results.overlay import draw_overlay, shown_size
from echocare_core.results.overlay.canvas import COLOURS, enlargement
from echocare_core.results.table.mask import mask_image
from echocare_core.types import Boxes, ClassActivation, Mask, Measurement, Points


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


def activation(evidence: np.ndarray) -> ClassActivation:
    return ClassActivation("pathology", "malignant", evidence.astype(np.float32))


def test_tissue_stays_readable_below_evidence_and_as_recorded_where_there_is_none():
    image, evidence = noise(500, 600), np.full((500, 600), -1.0)
    evidence[100:200, 100:200] = 5.0
    shaded = draw_overlay(image, [activation(evidence)])[:500]
    assert not changed(shaded, image)[evidence < 0].any()
    inside = shaded[100:200, 100:200].astype(float)
    assert np.corrcoef(inside[..., 1].ravel(), image[100:200, 100:200, 1].ravel())[0, 1] > 0.99
    assert inside.std() > 0.4 * image.std()


def test_weak_evidence_looks_weaker_than_strong_and_each_in_proportion():
    black, evidence = np.zeros((500, 600, 3), np.uint8), np.zeros((500, 600))
    evidence[:, 200:400], evidence[:, 400:] = 1.0, 2.0
    weak, strong = (draw_overlay(black, [activation(one)])[:500] for one in (0.1 * evidence, evidence))
    assert weak[0, 500, 0] < 0.4 * strong[0, 500, 0]
    assert strong[0, 300, 0] == pytest.approx(strong[0, 500, 0] / 2, abs=1)


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


@pytest.mark.parametrize("size", [(768, 1024), (2000, 100), (1200, 1920)])
def test_a_picture_of_a_screen_keeps_its_size(size: tuple[int, int]):
    assert (enlargement(*size), shown_size(*size)) == (1, size)


def test_a_picture_larger_than_screens_is_drawn_smaller_with_what_was_found_on_it():
    image = np.zeros((1500, 6000, 3), dtype=np.uint8)
    mask = Mask(rectangle(1500, 6000, 300, 900, 600, 1800), {1: "lesion"})
    box = Boxes(np.array([[900.0, 3000.0, 1200.0, 3600.0]]), ("cyst",), (0.9,), ("cyst",))
    line = Measurement("long_axis", 45.0, "mm", np.array([[450.0, 4200.0], [450.0, 5100.0]]))
    overlay = draw_overlay(image, [mask, box, Points(np.array([[1299.5, 2999.5]]), ("apex",)), line])
    assert overlay.shape[1] == 2000
    found = overlay[:500].any(axis=2)
    assert found[[100, 199, 150], [450, 450, 300]].all()  # mask
    assert found[[300, 400, 350], [1100, 1100, 1000]].all()  # box
    assert found[433, [992, 1007]].all()  # point
    assert found[150, [1402, 1550, 1698]].all()  # line
    assert shown_size(1500, 6000) == (500, 2000)


def test_drawing_takes_no_more_memory_than_a_few_screens():
    image = np.zeros((4200, 8000, 3), dtype=np.uint8)
    outputs = [Mask(np.ones(image.shape[:2], dtype=np.uint8), {1: "lesion"})]
    tracemalloc.start()
    draw_overlay(image, outputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * image.nbytes


def lines_of(*lines: tuple[list[float], ...]) -> list[Measurement]:
    return [Measurement(f"axis_{n}", 12.3, "mm", np.array(line)) for n, line in enumerate(lines)]


def test_a_measured_line_is_drawn_from_end_to_end_with_its_number_outside():
    overlay = draw_overlay(np.zeros((500, 600, 3), dtype=np.uint8), lines_of(([250.0, 100.0], [250.0, 300.0])))
    assert tuple(overlay[250, 200]) == COLOURS[0]
    assert tuple(overlay[250, 101]) == COLOURS[0]
    assert not overlay[260:500, 110:290].any()
    assert overlay[240:260, 320:400].any()  # its number
    assert len(overlay) > 500  # its name


def test_an_outline_is_drawn_closed_and_each_line_has_its_colour():
    around = [[250 + 100 * np.sin(a), 300 + 200 * np.cos(a)] for a in np.linspace(0, 2 * np.pi, 73)]
    across = [[250.0, 100.0], [250.0, 500.0]]
    mask = Mask(rectangle(500, 600, 0, 0, 20, 20), {1: "head"})
    overlay = draw_overlay(np.zeros((500, 600, 3), dtype=np.uint8), [mask, *lines_of(around, across)])
    nearest = [np.abs(np.array(COLOURS) - overlay[row, 300]).sum(axis=1).argmin() for row in (150, 350, 250)]
    assert nearest == [1, 1, 2]


@pytest.mark.parametrize("line", [[[-50, -50], [900, 900]], [[10, 10], [10, 10]], [[0, 599], [0, 599], [0, 599]]])
def test_a_line_of_any_kind_is_drawn(line: list[list[float]]):
    assert draw_overlay(noise(500, 600), lines_of(line)).shape[1] == 600


def test_specks_are_not_outlined():
    mask = rectangle(500, 600, 100, 100, 300, 300)
    mask[400:410, 400:410] = 1
    image = np.zeros((500, 600, 3), dtype=np.uint8)
    for share, drawn in ((0.0, True), (0.1, False)):
        overlay = draw_overlay(image, [Mask(mask, {1: "lesion"}, smallest_share=share)])
        assert overlay[390:420, 390:420].any() == drawn
        assert tuple(overlay[200, 100]) == COLOURS[0]


def test_a_mask_of_noise_is_drawn_in_bounded_time_with_every_edge():
    mask = np.random.default_rng(0).integers(0, 2, (640, 640), dtype=np.uint8)
    mask[300:340, 300:340] = 1
    began = process_time()
    overlay = draw_overlay(np.zeros((640, 640, 3), dtype=np.uint8), [Mask(mask, {1: "lesion"}, smallest_share=0.05)])
    assert process_time() - began < 5
    assert tuple(overlay[5, np.flatnonzero(mask[5])[3]]) == COLOURS[0]
    assert not overlay[5, np.flatnonzero(mask[5] == 0)].any()
    assert 0 < overlay[320, 320].max() < 30  # the inside is tinted, as ever


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


def test_a_box_is_drawn_around_its_pixels_and_nowhere_else():
    image = np.zeros((500, 600, 3), dtype=np.uint8)
    boxes = Boxes(np.array([[100.0, 150.0, 300.0, 400.0]]), ("cyst",), (0.9,), ("nodule", "cyst"))
    overlay = draw_overlay(image, [boxes])
    assert tuple(overlay[200, 150]) == tuple(overlay[100, 200]) == COLOURS[1]
    rows, columns = np.nonzero(overlay[:500].any(axis=2))
    assert (abs(rows.min() - 100) < 4, abs(rows.max() - 300) < 4) == (True, True)
    assert (abs(columns.min() - 150) < 4, abs(columns.max() - 400) < 4) == (True, True)
    assert not overlay[110:290, 160:390].any()


def test_the_numbers_of_boxes_stand_outside_them():
    image = np.zeros((500, 600, 3), dtype=np.uint8)
    corners = np.array([[100.0, 150.0, 200.0, 250.0], [300.0, 350.0, 400.0, 450.0]])
    overlay = draw_overlay(image, [Boxes(corners, ("cyst", "cyst"), (0.9, 0.8), ("cyst",))])
    assert overlay[78:96, 150:170].any()
    assert not overlay[110:190, 160:240].any()


@pytest.mark.parametrize("corners", [(0, 0, 500, 600), (-50, -50, 20, 20), (490, 590, 700, 800), (600, 700, 650, 750)])
def test_a_box_at_the_edge_or_beyond_is_drawn_as_far_as_it_goes(corners: tuple[int, int, int, int]):
    boxes = Boxes(np.array([corners, corners], dtype=float), ("cyst", "cyst"), (0.9, 0.8), ("cyst",))
    assert draw_overlay(noise(500, 600), [boxes]).shape[1] == 600


def test_the_tissue_at_a_point_stays_as_recorded():
    image = noise(500, 600)
    overlay = draw_overlay(image, [Points(np.array([[250.0, 300.0]]), ("apex",))])
    assert np.array_equal(overlay[250, 300], image[250, 300])
    rows, columns = np.nonzero(changed(overlay, image))
    assert (rows.min() + rows.max(), columns.min() + columns.max()) == pytest.approx((500, 600), abs=1)
    assert rows.max() - rows.min() < 40


def test_a_point_that_was_not_found_is_not_drawn_but_named():
    image = noise(500, 600)
    overlay = draw_overlay(image, [Points(np.array([[np.nan, np.nan]]), ("apex",))])
    assert np.array_equal(overlay[:500], image)
    assert len(overlay) > 500


def test_points_of_a_small_picture_stand_on_its_enlarged_pixels():
    image = np.zeros((120, 160, 3), dtype=np.uint8)
    overlay = draw_overlay(image, [Points(np.array([[60.0, 80.0]]), ("apex",))])
    rows, columns = np.nonzero(overlay[:360].any(axis=2))
    assert (rows.min() + rows.max()) / 2 == pytest.approx(3 * 60.5, abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(3 * 80.5, abs=1)
