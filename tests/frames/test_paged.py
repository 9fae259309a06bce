"""GIF, animated PNG, TIFF, BMP and WebP are read as stills and cines, with the times of their frames."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames


def cine(frames=4):
    """Grey frames of few values, so that a palette holds them, with a bright mark in the top right corner."""
    pixels = np.full((frames, 24, 32, 3), 20, dtype=np.uint8)
    pixels[:, :4, -6:] = 240
    pixels[:, 8:16, 4:20] = (40 * np.arange(frames, dtype=np.uint8) + 40)[:, None, None, None]
    return pixels


def write(path, pixels, form, **options):
    first, *others = [Image.fromarray(picture) for picture in pixels]
    first.save(path, form, **({"save_all": True, "append_images": others} if others else {}), **options)
    return path


LOSSLESS = {"GIF": {}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "BMP": {}}


@pytest.mark.parametrize(
    ("form", "delays", "times"),
    [
        ("GIF", [40, 50, 60, 70], (0, 40, 90, 150)),
        ("PNG", [40, 50, 60, 70], (0, 40, 90, 150)),
        ("WEBP", [40, 50, 60, 70], (0, 40, 90, 150)),
        ("TIFF", None, None),
    ],
)
def test_several_pictures_are_a_cine_in_any_order_with_their_times(tmp_path, form, delays, times):
    options = LOSSLESS[form] | ({"duration": delays} if delays else {})
    frames = read_frames(write(tmp_path / "IM1", cine(), form, **options))
    assert (len(frames), frames.size, frames.frame_times_ms) == (4, (24, 32), times)
    for number in (2, 0, 3, 1):
        np.testing.assert_array_equal(frames.pixels[number], cine()[number])


@pytest.mark.parametrize("form", ["GIF", "PNG", "TIFF"])
def test_threads_that_read_one_file_do_not_disturb_each_other(tmp_path, form):
    path = write(tmp_path / "a", cine(5).repeat(4, axis=0) + np.arange(20, dtype=np.uint8)[:, None, None, None], form)

    def seen(number):
        frames = read_frames(path)
        return len(frames), int(frames.pixels[number][0, 0, 0])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(seen, [*range(20)] * 5))

    assert found == [(20, 20 + number) for number in range(20)] * 5


@pytest.mark.parametrize("form", ["GIF", "TIFF", "BMP", "WEBP"])
def test_one_picture_is_a_still(tmp_path, form):
    frames = read_frames(write(tmp_path / "IM1", cine(1), form, **LOSSLESS[form]))
    assert (len(frames), frames.frame_times_ms) == (1, (0.0,))
    np.testing.assert_array_equal(frames.pixels[0], cine()[0])


def test_delays_of_zero_are_no_times(tmp_path):
    assert read_frames(write(tmp_path / "a", cine(), "GIF", duration=0)).frame_times_ms is None


@pytest.mark.parametrize(("form", "delay"), [("GIF", 600_000), ("WEBP", 600_000), ("PNG", 65_000)])
def test_times_that_no_scanner_makes_are_not_believed(tmp_path, form, delay):
    frames = read_frames(write(tmp_path / "a", cine(), form, duration=delay, **LOSSLESS[form]))
    assert frames.frame_times_ms is None
    assert frames.notes == ("The file's frame times are not used: they are none that a scanner makes.",)


@pytest.mark.parametrize(("highest", "seen"), [(255, 200), (4095, 199), (65535, 199)])
def test_grey_of_16_bits_has_one_scale_for_all_pages(tmp_path, highest, seen):
    numbers = (cine()[..., 0].astype(np.uint32) * highest // 255).astype(np.uint16)
    pages = [Image.fromarray(page) for page in numbers]
    pages[0].save(tmp_path / "a", "TIFF", save_all=True, append_images=pages[1:])
    frames = read_frames(tmp_path / "a")
    assert abs(int(frames.pixels[3][10, 10, 0]) - seen) <= 3 + abs(160 - seen)
    np.testing.assert_allclose(frames.pixels[3].astype(int), cine()[3], atol=2)
    assert "brightness is told from the numbers" in frames.notes[0]


RAMP = np.linspace(0, 1, 32)[None].repeat(24, axis=0)
COLOURS = np.stack([RAMP, RAMP[:, ::-1], RAMP / 2], axis=2)


@pytest.mark.parametrize(
    ("numbers", "options", "said"),
    [
        ((255 * COLOURS).astype(np.uint16), {"photometric": "rgb"}, "has 16 bits in each colour"),
        (
            (65535 * COLOURS.transpose(2, 0, 1)).astype(np.uint16),
            {"photometric": "rgb", "planarconfig": "separate"},
            "has 16 bits in each colour",
        ),
        ((255 * RAMP - 128).astype(np.int8), {}, "holds signed numbers of 8 bits"),
        ((65535 * RAMP).astype(np.uint16), {"photometric": "miniswhite"}, "has white as zero in 16 bits"),
        ((4e9 * RAMP).astype(np.uint32), {}, "holds whole numbers of 32 bits"),
        ((2 * RAMP - 1).astype(np.float32), {}, "holds real numbers from -1 to 1, so which of them are black"),
        ((1.5 * RAMP).astype(np.float32), {}, "holds real numbers from 0 to 1.5"),
    ],
)
def test_a_tiff_whose_grey_would_not_be_the_true_one_is_refused_by_name(tmp_path, numbers, options, said):
    tifffile.imwrite(tmp_path / "a", numbers, **options)
    with pytest.raises(UnreadableFrames, match=f"a {said}"):
        read_frames(tmp_path / "a")


@pytest.mark.parametrize(("orientation", "turn"), [(5, 1), (6, -1), (7, 1), (8, 1)])
@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_that_is_shown_turned_is_read_upright(tmp_path, orientation, turn, pages, kind):
    stored = (np.random.default_rng(1).integers(0, 256, (24, 32))).astype(kind)
    with tifffile.TiffWriter(tmp_path / "a") as file:
        for _ in range(pages):
            file.write(stored, photometric="minisblack", extratags=[(274, "H", 1, orientation, True)])
    upright = {5: stored.T, 7: np.rot90(stored, 2).T}.get(orientation, np.rot90(stored, turn))
    frames = read_frames(tmp_path / "a")
    assert (len(frames), frames.size) == (pages, (32, 24))
    for picture in frames.pixels:
        np.testing.assert_array_equal(picture[..., 0], upright)


@pytest.mark.parametrize(("spacing", "said"), [("spacing=0.3\n", None), ("", "may be a cine or a volume")])
def test_a_tiff_that_calls_its_pages_planes_is_a_volume_or_noted(tmp_path, spacing, said):
    pages, text = cine(3)[..., 0], f"ImageJ=1.54f\nimages=3\nslices=3\nunit=mm\n{spacing}"
    tifffile.imwrite(tmp_path / "a", pages, photometric="minisblack", description=text, metadata=None)
    if said:
        assert said in read_frames(tmp_path / "a").notes[0]
    else:
        with pytest.raises(UnreadableFrames, match="a is a 3-D volume by its own description"):
            read_frames(tmp_path / "a")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_an_animation_that_is_cut_short_is_refused(tmp_path, form, share):
    data = write(tmp_path / "a", cine(), form, **LOSSLESS[form]).read_bytes()
    (tmp_path / "a").write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnreadableFrames, match="is cut short"):
        read_frames(tmp_path / "a")


@pytest.mark.parametrize("form", ["TIFF", "BMP"])
def test_a_picture_that_is_cut_short_gives_no_made_up_frame(tmp_path, form):
    data = write(tmp_path / "a", cine(1), form).read_bytes()
    (tmp_path / "a").write_bytes(data[:-600])
    with pytest.raises(UnreadableFrames):
        read_frames(tmp_path / "a").pixels[0]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 2, 1), (1, 3, 3, 0)])
def test_frames_of_an_animation_behind_a_damaged_one_are_refused_in_any_order(tmp_path, order):
    data = bytearray(write(tmp_path / "a", cine(), "PNG").read_bytes())
    place = data.index(b"IDAT") + 12
    data[place : place + 12] = bytes(12)
    (tmp_path / "a").write_bytes(data)
    frames = read_frames(tmp_path / "a")
    for number in order:
        with pytest.raises(UnreadableFrames, match=f"frame {number + 1} of 4, is damaged"):
            frames.pixels[number]


def test_text_that_begins_like_a_bitmap_is_none(tmp_path):
    (tmp_path / "a").write_text("BMI;age\n27;40\n")
    with pytest.raises(UnreadableFrames, match="is not DICOM, PNG, JPEG"):
        read_frames(tmp_path / "a")


def test_a_bitmap_of_a_million_columns_is_refused_before_it_is_decoded(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "BMP")
    data = bytearray(file.getvalue())
    data[18:26] = (1_000_000).to_bytes(4, "little") * 2
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(UnreadableFrames, match="than any ultrasound picture"):
        read_frames(tmp_path / "a")
