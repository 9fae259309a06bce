"""PNG and JPEG pictures become upright RGB frames."""

import pickle

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.image import read_image

PICTURE = marked()[0]


def saved(path, image, **options):
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def test_a_coloured_png_is_read_as_it_is(tmp_path):
    frames = read_image(saved(tmp_path / "a.png", PICTURE))
    assert (len(frames), frames.size, frames.frame_times_ms, frames.spacing_mm) == (1, (24, 32), (0.0,), None)
    np.testing.assert_array_equal(frames.pixels[0], PICTURE)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palette_pictures_become_rgb(tmp_path, mode):
    image = Image.fromarray(PICTURE).convert(mode)
    np.testing.assert_array_equal(
        read_image(saved(tmp_path / "a.png", image)).pixels[0], np.asarray(image.convert("RGB"))
    )


def test_sixteen_bit_grey_keeps_its_high_byte(tmp_path):
    deep = np.full((20, 20), 0x1234, dtype=np.uint16)
    deep[:4, -6:] = 0xFEDC
    picture = read_image(saved(tmp_path / "a.png", deep)).pixels[0]
    assert picture[10, 10].tolist() == [0x12] * 3
    assert picture[1, -2].tolist() == [0xFE] * 3


def test_transparent_pixels_are_black(tmp_path):
    alpha = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, dtype=np.uint8)])
    alpha[10:, :, 3] = 0
    picture = read_image(saved(tmp_path / "a.png", alpha)).pixels[0]
    np.testing.assert_array_equal(picture[:10], PICTURE[:10])
    assert picture[10:].max() == 0


def test_a_grey_jpeg_and_a_coloured_one_look_like_pillow_shows_them(tmp_path):
    for mode in ("L", "RGB"):
        path = saved(tmp_path / f"{mode}.jpg", Image.fromarray(PICTURE).convert(mode), quality=95)
        np.testing.assert_array_equal(read_image(path).pixels[0], np.asarray(Image.open(path).convert("RGB")))


def test_the_orientation_a_camera_noted_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    frames = read_image(saved(tmp_path / "a.png", PICTURE, exif=exif))
    assert frames.size == (32, 24)
    np.testing.assert_array_equal(frames.pixels[0], np.rot90(PICTURE, -1))


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_cut_short_is_refused_by_name(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / name, noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableFrames, match=f"{name} is damaged or cut short"):
        read_image(path).pixels[0]


def test_a_broken_header_is_refused_by_name(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    with pytest.raises(UnreadableFrames, match=r"a\.png is a damaged PNG or JPEG"):
        read_image(tmp_path / "a.png")


def test_a_tiny_picture_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.png is 8x15 px"):
        read_image(saved(tmp_path / "a.png", np.zeros((15, 8, 3), dtype=np.uint8)))


def test_a_picture_survives_the_way_to_a_worker_process(tmp_path):
    frames = read_image(saved(tmp_path / "a.png", PICTURE))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[0], PICTURE)
