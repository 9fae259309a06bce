"""PNG and JPEG pictures become upright RGB frames."""

import io
import pickle
import re
import struct
import tracemalloc
import zlib
from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.grey import FROM_THE_DATA
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


DIM = np.tile(np.arange(200, dtype=np.uint16), 3)[:576].reshape(24, 24)


@pytest.mark.parametrize("scale", [1, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4], ids=["grey", "grey and alpha", "colour", "colour and alpha"])
def test_sixteen_bits_that_hold_fewer_are_scaled_by_what_they_hold(tmp_path, scale, channels):
    deep = np.repeat((DIM * scale)[..., None], channels, axis=2)
    if channels in (2, 4):
        deep[..., -1] = 65535
        deep[:4, :, -1] = 0
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep.squeeze()))
    frames = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(frames.pixels[0][4:, :, 1].astype(int), DIM[4:], atol=1)
    assert (frames.pixels[0][:4].max() == 0) == (channels in (2, 4))
    assert frames.notes == (FROM_THE_DATA,)


def test_a_camera_may_turn_sixteen_bits_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.png", DIM[:20], exif=exif)
    np.testing.assert_array_equal(read_image(path).pixels[0][..., 0], np.rot90(DIM[:20], -1))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
@pytest.mark.parametrize("place", [33, -12], ids=["before", "behind"])
@pytest.mark.parametrize("deep", [False, True])
def test_text_that_inflates_to_gigabytes_is_never_inflated(tmp_path, kind, place, deep):
    trap = zlib.compress(bytes(1 << 23), 9)
    trap = b"k\0\1\0\0\0" + trap if kind == b"iTXt" else b"k\0\0" + trap
    image = imagecodecs.png_encode(DIM if deep else DIM.astype("u1"))
    (tmp_path / "a.png").write_bytes(image[:place] + 40 * chunk(kind, trap) + image[place:])
    tracemalloc.start()
    with suppress(UnreadableFrames):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels[0][..., 0], DIM)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


@pytest.mark.parametrize(("width", "height"), [(8000, 8000), (13300, 13300), (60000, 60000)])
def test_a_picture_larger_than_any_is_refused_from_its_header(tmp_path, width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b""))
    jpeg = saved(tmp_path / "b.jpg", np.zeros((20, 30), np.uint8)).read_bytes()
    (tmp_path / "b.jpg").write_bytes(jpeg.replace(struct.pack(">HH", 20, 30), struct.pack(">HH", height, width)))
    for name in ("a.png", "b.jpg"):
        with pytest.raises(
            UnreadableFrames, match=rf"{name} (is {width}x{height} px, larger|has more pixels) than any"
        ):
            read_image(tmp_path / name)


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


def jpeg_of(picture, **options):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", **options)
    return stream.getvalue()


def enlarged_jpeg(stream, height, width):
    """The same stream with another size in its frame header."""
    place = re.search(rb"\xff[\xc0\xc2]\x00\x11", stream).start() + 5
    return stream[:place] + struct.pack(">HH", height, width) + stream[place + 4 :]


NOISE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
COMPLETE = [{}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"optimize": True}, {"progressive": True}]


@pytest.mark.parametrize("options", COMPLETE, ids=str)
@pytest.mark.parametrize("picture", [NOISE, NOISE[:61, :93, 0], np.zeros((200, 300), np.uint8)], ids=len)
def test_a_jpeg_that_holds_its_picture_is_read(tmp_path, picture, options):
    (tmp_path / "a.jpg").write_bytes(jpeg_of(picture, **options) + b"more behind it")
    assert read_image(tmp_path / "a.jpg").pixels[0].shape[:2] == picture.shape[:2]


@pytest.mark.parametrize(("height", "width"), [(4000, 4000), (72, 96), (64, 104), (128, 192)])
@pytest.mark.parametrize("options", COMPLETE[:4], ids=str)
def test_a_jpeg_that_holds_fewer_pixels_than_it_claims_is_cut_short(tmp_path, height, width, options):
    (tmp_path / "a.jpg").write_bytes(enlarged_jpeg(jpeg_of(NOISE, **options), height + 16, width + 16))
    with pytest.raises(UnreadableFrames, match="cut short"):
        read_image(tmp_path / "a.jpg").pixels[0]


def test_a_progressive_jpeg_that_has_less_than_a_bit_for_a_block_is_cut_short(tmp_path):
    (tmp_path / "a.jpg").write_bytes(enlarged_jpeg(jpeg_of(NOISE, progressive=True), 4000, 4000))
    with pytest.raises(UnreadableFrames, match="cut short"):
        read_image(tmp_path / "a.jpg").pixels[0]


@pytest.mark.parametrize("quality", [1, 75])
def test_a_flat_progressive_jpeg_is_read(tmp_path, quality):
    picture = np.full((400, 600, 3), 7, dtype=np.uint8)
    (tmp_path / "a.jpg").write_bytes(jpeg_of(picture, progressive=True, quality=quality, optimize=True))
    assert np.ptp(read_image(tmp_path / "a.jpg").pixels[0]) == 0


def test_a_jpeg_whose_lower_half_is_lost_before_its_end_marker_is_cut_short(tmp_path):
    stream = jpeg_of(NOISE)
    (tmp_path / "a.jpg").write_bytes(stream[: len(stream) // 2] + b"\xff\xd9")
    with pytest.raises(UnreadableFrames, match="cut short"):
        read_image(tmp_path / "a.jpg").pixels[0]
