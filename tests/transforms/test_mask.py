"""Drawn masks become label maps beside their image, or are refused by name."""

import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import SettingsError, TableError
from echocare_core.transforms import LoadMaskd, LoadUltrasoundd
from echocare_core.transforms.mask import read_mask

DRAWN = np.zeros((24, 32), dtype=np.uint8)
DRAWN[:4, -6:] = 1


@pytest.mark.parametrize("scale", [1, 255])
def test_a_mask_of_ones_and_one_of_255_mean_the_same(png, scale):
    np.testing.assert_array_equal(read_mask(png(DRAWN * np.uint8(scale)), (24, 32), labels=2), DRAWN)


def test_a_mask_of_one_bit_is_read(png):
    np.testing.assert_array_equal(read_mask(png(DRAWN.astype(bool)), (24, 32), labels=2), DRAWN)


def test_palette_numbers_are_the_labels(tmp_path):
    picture = Image.new("P", (32, 24))
    picture.putpalette([0, 0, 0, 90, 90, 90, 250, 120, 30])
    picture.putdata((DRAWN * 2).ravel().tolist())
    picture.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(str(tmp_path / "mask.png"), (24, 32), labels=3), DRAWN * 2)


def test_an_empty_and_a_full_mask_are_read(png):
    assert not read_mask(png(np.zeros((24, 32), dtype=np.uint8)), (24, 32), labels=2).any()
    assert (read_mask(png(np.full((24, 32), 255, dtype=np.uint8)), (24, 32), labels=2) == 1).all()


def test_a_picture_with_nothing_to_find_has_background_everywhere():
    found = read_mask("nothing", (3, 5), 2)
    assert (found.shape, found.dtype, found.max()) == ((3, 5), np.uint8, 0)


def test_several_labels_keep_their_numbers(png):
    drawn = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32) % 4
    np.testing.assert_array_equal(read_mask(png(drawn), (24, 32), labels=4), drawn)


@pytest.mark.parametrize(("value", "labels"), [(2, 2), (254, 2), (128, 2), (4, 4)])
def test_a_value_that_is_no_label_is_refused(png, value, labels):
    with pytest.raises(TableError, match=rf"mask\.png holds the value {value}; needed label numbers 0 to {labels - 1}"):
        read_mask(png(DRAWN * np.uint8(value)), (24, 32), labels)


def test_ones_beside_255_are_refused(png):
    drawn = DRAWN.copy()
    drawn[-1, 0] = 255
    with pytest.raises(TableError, match="holds 1 value between 0 and 255"):
        read_mask(png(drawn), (24, 32), labels=2)


def softened() -> np.ndarray:
    """A mask of 0 and 255 as JPEG leaves it: some values beside both."""
    edged = DRAWN * np.uint8(255)
    edged[4, -6:], edged[3, -6:] = 7, 249
    return edged


def test_the_edges_that_jpeg_leaves_are_named_and_a_threshold_is_offered(png):
    with pytest.raises(
        TableError, match=r"holds 2 values between 0 and 255, 7 to 249 on 1\.6 % of its pixels, as JPEG "
    ):
        read_mask(png(softened()), (24, 32), labels=2)
    with pytest.raises(TableError, match="Save it as PNG, or set mask_threshold, such as 128"):
        read_mask(png(softened()), (24, 32), labels=2)


def test_a_picture_in_the_place_of_its_mask_is_said_to_be_none(png):
    picture = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
    with pytest.raises(TableError, match=r"on (99|100) % of its pixels, as a picture does; .*Name the file") as error:
        read_mask(png(picture), (24, 32), labels=2)
    assert "mask_threshold" not in str(error.value)


def test_a_threshold_tells_where_the_label_begins(png):
    np.testing.assert_array_equal(read_mask(png(softened()), (24, 32), labels=2, threshold=128), DRAWN)


@pytest.mark.parametrize(("threshold", "labels"), [(0, 2), (256, 2), (0.5, 2), (True, 2), (128, 3)])
def test_a_threshold_that_tells_nothing_is_refused(png, threshold, labels):
    with pytest.raises(SettingsError, match=rf"mask_threshold is {threshold} for {labels} labels; needed 1 to 255"):
        read_mask(png(DRAWN), (24, 32), labels, threshold)


OPAQUE = np.full((24, 32), 255, dtype=np.uint8)
GREY = DRAWN * np.uint8(255)
NONE = np.zeros_like(GREY)
COLOURED = {
    "grey in three channels": np.dstack([GREY] * 3),
    "label numbers in three channels": np.dstack([DRAWN] * 3),
    "with opacity": np.dstack([GREY] * 3 + [OPAQUE]),
    "grey with opacity": np.dstack([GREY, OPAQUE]),
    "red on black": np.dstack([GREY, NONE, NONE]),
}


@pytest.mark.parametrize("values", COLOURED.values(), ids=COLOURED)
def test_a_mask_in_colour_that_can_be_but_one_thing_is_read_and_told(png, values, caplog):
    for _ in range(2):
        np.testing.assert_array_equal(read_mask(png(values), (24, 32), labels=2), DRAWN)
    assert len(caplog.records) == 1
    assert "mask.png, and others like it" in caplog.text


@pytest.mark.parametrize(
    ("labels", "needed"),
    [(2, r"0 to 1 in one channel, or one colour on black\. Save"), (3, r"0 to 2 in one channel\. Save")],
)
def test_a_mask_of_two_colours_is_refused(png, labels, needed):
    with pytest.raises(TableError, match=rf"is in colour, with 2 of them; needed label numbers {needed}"):
        read_mask(png(np.dstack([GREY, NONE, 255 - GREY])), (24, 32), labels)


def test_the_largest_of_16_bits_is_label_1(tmp_path):
    Image.fromarray(DRAWN.astype(np.uint16) * 65535).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(str(tmp_path / "mask.png"), (24, 32), labels=2), DRAWN)


def saved(folder, values, mode=None, **how):
    """The path of a TIFF of these values, in a mode of Pillow."""
    picture = Image.fromarray(values)
    (picture.convert(mode) if mode else picture).save(folder / "mask.tif", **how)
    return str(folder / "mask.tif")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_a_mask_in_colours_of_print_or_video_is_refused(tmp_path, mode):
    rgb = np.dstack([DRAWN * np.uint8(255)] * 3)
    if mode == "LAB":
        Image.frombytes("LAB", (32, 24), rgb.tobytes()).save(tmp_path / "mask.tif")
    path = str(tmp_path / "mask.tif") if mode == "LAB" else saved(tmp_path, rgb, mode)
    with pytest.raises(TableError, match=rf"mask\.tif holds colours for print or video \({mode}\); needed a PNG"):
        read_mask(path, (24, 32), labels=2, threshold=128)


@pytest.mark.parametrize("threshold", [None, 1])
def test_a_mask_of_fractions_is_refused(tmp_path, threshold):
    with pytest.raises(TableError, match=r"mask\.tif holds fractions; needed a PNG of label numbers"):
        read_mask(saved(tmp_path, DRAWN * np.float32(0.9)), (24, 32), labels=2, threshold=threshold)


def test_a_mask_of_numbers_below_0_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"mask\.tif holds the value -1; needed label numbers from 0"):
        read_mask(saved(tmp_path, DRAWN * np.int32(-1)), (24, 32), labels=2)


def test_a_mask_of_16_bits_whose_white_is_0_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"mask\.tif holds white as 0"):
        read_mask(saved(tmp_path, DRAWN.astype(np.uint16), tiffinfo={262: 0}), (24, 32), labels=2)


def test_a_mask_of_several_pages_is_refused(tmp_path):
    path = saved(tmp_path, DRAWN, save_all=True, append_images=[Image.fromarray(1 - DRAWN)])
    with pytest.raises(TableError, match=r"mask\.tif holds more than one picture"):
        read_mask(path, (24, 32), labels=2)


@pytest.mark.parametrize(("kind", "orientation"), [("png", 3), ("png", 6), ("tif", 3)])
def test_a_mask_is_turned_as_its_image_is(tmp_path, kind, orientation):
    picture = Image.fromarray(marked()[0])
    for name, shown in ((f"image.{kind}", picture), (f"mask.{kind}", Image.fromarray(DRAWN * np.uint8(255)))):
        noted = shown.getexif()
        noted[0x0112] = orientation
        shown.save(tmp_path / name, exif=noted)
    item = {"image": str(tmp_path / f"image.{kind}"), "label": str(tmp_path / f"mask.{kind}")}
    item = LoadMaskd("label", "image", 2)(LoadUltrasoundd("image")(item))
    assert item["image"].shape[1:] == ((24, 32) if orientation == 3 else (32, 24))
    assert ((item["label"][0] == 1) == (item["image"][0] > 200)).all()


def test_a_palette_whose_background_is_the_brighter_is_told(tmp_path, caplog):
    picture = Image.fromarray(DRAWN, mode="P")
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(str(tmp_path / "mask.png"), (24, 32), labels=2), DRAWN)
    assert "is read by its numbers, though its background, 0, is the brighter colour (mask.png" in caplog.text


@pytest.mark.parametrize("values", [DRAWN.T, DRAWN[1:]], ids=["turned", "short"])
def test_a_mask_of_another_shape_than_its_image_is_refused(png, values):
    with pytest.raises(TableError, match=r"mask\.png has shape .*; needed that of its image, \(24, 32\)"):
        read_mask(png(np.ascontiguousarray(values)), (24, 32), labels=2)


def test_a_mask_of_another_size_is_refused_before_it_is_decoded(png):
    path = png(np.zeros((2000, 2000, 4), dtype=np.uint8))
    tracemalloc.start()
    with pytest.raises(TableError, match=r"has shape \(2000, 2000\); needed that of its image, \(24, 32\)"):
        read_mask(path, (24, 32), labels=2)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_damaged_mask_is_refused_by_name(png):
    path = png(np.random.default_rng(0).integers(0, 2, (24, 32), dtype=np.uint8))
    with open(path, "r+b") as file:
        file.truncate(70)
    with pytest.raises(TableError, match=r"mask\.png cannot be read"):
        read_mask(path, (24, 32), labels=2)


def test_the_label_map_lies_on_its_image(tmp_path, png):
    path = write_ultrasound(tmp_path / "a", marked(), spacing_mm=(0.2, 0.1))
    item = LoadMaskd("label", "image", 2)(LoadUltrasoundd("image")({"image": path, "label": png(DRAWN * 255)}))
    assert (item["label"].shape, item["label"].dtype) == ((1, 24, 32), torch.float32)
    assert ((item["label"][0] == 1) == (item["image"][0] > 200)).all()
    np.testing.assert_array_equal(item["label"].affine, item["image"].affine)
