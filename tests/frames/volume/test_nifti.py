"""NIfTI as MONAI Label, MONAI, ITK and nibabel write it becomes upright frames."""

import gzip
import io
import pickle
import sys

import numpy as np
import pytest
from PIL import Image
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.frames.plausible import NOT_A_LENGTH
from echocare_core.frames.volume import unpacked
from echocare_core.frames.volume.pixels import THIRD_AXIS

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed: pip install 'echocare[nifti]'")
GREY = {"channels": 1}


def stored(path, array, affine=None, **header):
    """Write what nibabel is given: (columns, rows, ...) of a picture, as every one of these tools stores it."""
    image = nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine)
    if header:
        image.header.set_xyzt_units(header["length"], header["time"])
        image.header.set_zooms(header["zooms"])
    nibabel.save(image, path)
    return path


def lying(pixels):
    """(time, height, width) to the order of NIfTI, (width, height, time)."""
    return np.ascontiguousarray(pixels.transpose(2, 1, 0))


def as_rgb(grey):
    """(time, height, width) as RGB."""
    return np.repeat(grey[..., None], 3, axis=3)


@pytest.mark.parametrize(("frames", "channels"), [(1, 1), (1, 3), (5, 1), (5, 3)])
def test_what_monai_label_makes_of_a_dicom_object_is_read_like_the_object(tmp_path, frames, channels):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, which MONAI Label converts with, is not installed")
    pixels = marked(frames, channels=channels)
    photometric = "RGB" if channels == 3 else "MONOCHROME2"
    path = write_ultrasound(tmp_path / "a.dcm", pixels, photometric=photometric, spacing_mm=(0.2, 0.1))
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    sitk.WriteImage(reader.Execute(), str(tmp_path / "a.nii.gz"))
    found, wanted = read_frames(tmp_path / "a.nii.gz"), read_frames(path)
    assert (len(found), found.size) == (frames, (24, 32))
    np.testing.assert_array_equal(found.pixels, wanted.pixels)
    assert found.spacing_mm is None  # the conversion lost it: 1.0 is no calibration


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("reader", ["PILReader", "ITKReader"])
def test_what_monai_loads_and_saves_again_is_read_upright(tmp_path, mode, reader):
    transforms = pytest.importorskip("monai.transforms")
    if reader == "ITKReader":
        pytest.importorskip("itk", reason="ITK is not installed: pip install 'echocare[itk]'")
    Image.fromarray(marked()[0]).convert(mode).save(tmp_path / "a.png")
    image = transforms.LoadImage(reader=reader, ensure_channel_first=True)(tmp_path / "a.png")
    transforms.SaveImage(tmp_path, output_postfix="x", output_dtype=np.uint8, separate_folder=False, print_log=False)(
        image
    )
    wanted = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    np.testing.assert_array_equal(read_frames(tmp_path / "a_x.nii.gz").pixels[0], wanted)


@pytest.mark.parametrize(
    "shape",
    [(32, 24), (32, 24, 1), (1, 32, 24), (32, 24, 1, 1), (32, 1, 24)],
    ids=lambda shape: "x".join(map(str, shape)),
)
def test_axes_of_length_one_mean_nothing(tmp_path, shape):
    grey = marked(**GREY)[..., 0]
    frames = read_frames(stored(tmp_path / "a.nii", lying(grey).reshape(shape)))
    assert (len(frames), frames.size, frames.frame_times_ms) == (1, (24, 32), (0.0,))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_third_axis_is_time_in_any_order(tmp_path, name):
    grey = marked(6, **GREY)[..., 0]
    frames = read_frames(stored(tmp_path / name, lying(grey)))
    assert (len(frames), frames.frame_times_ms) == (6, None)
    for number in (4, 1, 5, 0):
        np.testing.assert_array_equal(frames.pixels[number], as_rgb(grey)[number])


def test_colours_may_stand_in_each_number(tmp_path):
    rgb24 = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    picture = np.ascontiguousarray(marked()[0].swapaxes(0, 1)).view(rgb24)[..., 0]
    np.testing.assert_array_equal(read_frames(stored(tmp_path / "a.nii.gz", picture)).pixels, marked())


def test_the_spacing_is_that_of_rows_and_columns(tmp_path):
    grey = lying(marked(**GREY)[..., 0])
    assert read_frames(stored(tmp_path / "a.nii", grey, np.diag([-0.1, -0.2, 1, 1]))).spacing_mm == pytest.approx(
        (0.2, 0.1)
    )
    turned = stored(tmp_path / "b.nii", grey, length="micron", time="sec", zooms=(100, 200, 1))
    assert read_frames(turned).spacing_mm == pytest.approx((0.2, 0.1))


@pytest.mark.parametrize("step", [1e12, np.inf, np.nan, 1e-9])
def test_a_spacing_that_ultrasound_does_not_have_is_none_and_said_so(tmp_path, step):
    path = stored(tmp_path / "a.nii", lying(marked(**GREY)[..., 0]))
    data = bytearray(path.read_bytes())
    data[80:84] = np.float32(step).tobytes()  # pixdim[1], NIfTI-1
    path.write_bytes(data)
    frames = read_frames(path)
    assert (frames.spacing_mm, frames.notes) == (None, (NOT_A_LENGTH,))


@pytest.mark.parametrize("step", [1e9, np.inf, np.nan, -0.04])
def test_times_that_no_scanner_makes_are_unknown(tmp_path, step):
    grey = lying(marked(4, **GREY)[..., 0])[:, :, None, :]
    path = stored(tmp_path / "a.nii", grey, length="mm", time="sec", zooms=(0.1, 0.2, 1.0, 0.04))
    data = bytearray(path.read_bytes())
    data[92:96] = np.float32(step).tobytes()  # pixdim[4]
    path.write_bytes(data)
    assert read_frames(path).frame_times_ms is None


def test_the_signs_of_the_affine_do_not_turn_a_picture(tmp_path):
    grey = marked(**GREY)[..., 0]
    for number, signs in enumerate([(1, 1), (-1, 1), (1, -1), (-1, -1)]):
        path = stored(tmp_path / f"{number}.nii", lying(grey), np.diag([0.1 * signs[0], 0.2 * signs[1], 1, 1]))
        np.testing.assert_array_equal(read_frames(path).pixels, as_rgb(grey))


def test_a_fourth_axis_has_its_times_in_the_header(tmp_path):
    grey = lying(marked(4, **GREY)[..., 0])[:, :, None, :]
    header = {"length": "mm", "time": "sec", "zooms": (0.1, 0.2, 1.0, 0.04)}
    assert read_frames(stored(tmp_path / "a.nii", grey, **header)).frame_times_ms == pytest.approx((0, 40, 80, 120))
    header["zooms"] = (0.1, 0.2, 1.0, 1.0)
    assert read_frames(stored(tmp_path / "b.nii", grey, **header)).frame_times_ms is None


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.float32, np.float64])
def test_other_numbers_within_0_to_255_are_shown_as_they_are(tmp_path, kind):
    grey = marked(3, **GREY)[..., 0]
    np.testing.assert_array_equal(
        read_frames(stored(tmp_path / "a.nii", lying(grey).astype(kind))).pixels, as_rgb(grey)
    )


def test_real_numbers_within_0_and_1_are_stretched_alike_in_all_frames(tmp_path):
    grey = marked(3, **GREY)[..., 0]
    path = stored(tmp_path / "a.nii.gz", lying(grey).astype(np.float32) / 255)
    np.testing.assert_array_equal(read_frames(path).pixels, as_rgb(grey))


def test_a_slope_in_the_header_is_applied(tmp_path):
    image = nibabel.Nifti1Image(lying(marked(**GREY)[..., 0]), np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    nibabel.save(image, tmp_path / "a.nii")
    wanted = nibabel.load(tmp_path / "a.nii").get_fdata()[..., 0].T
    np.testing.assert_array_equal(read_frames(tmp_path / "a.nii").pixels[0][..., 0], np.rint(wanted))


@pytest.mark.parametrize("number", [-1.0, 256.0, np.nan])
def test_numbers_whose_black_and_white_are_unknown_are_refused(tmp_path, number):
    grey = lying(marked(**GREY)[..., 0]).astype(np.float32)
    grey[3, 5] = number
    with pytest.raises(UnreadableFrames, match=r"a\.nii holds numbers outside 0 to 255"):
        read_frames(stored(tmp_path / "a.nii", grey))


def test_a_volume_over_time_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.nii is a 3-D volume over time"):
        read_frames(stored(tmp_path / "a.nii", np.zeros((32, 24, 5, 4), dtype=np.uint8)))


def test_a_tiny_picture_is_refused(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.nii is 32x8 px"):
        read_frames(stored(tmp_path / "a.nii", np.zeros((32, 8), dtype=np.uint8)))


def test_nifti_2_and_big_endian_are_read(tmp_path):
    grey = marked(2, **GREY)[..., 0]
    nibabel.save(nibabel.Nifti2Image(lying(grey), np.eye(4)), tmp_path / "a.nii")
    header = nibabel.Nifti1Header(endianness=">")
    nibabel.save(nibabel.Nifti1Image(lying(grey), np.eye(4), header), tmp_path / "b.nii")
    for name in ("a.nii", "b.nii"):
        np.testing.assert_array_equal(read_frames(tmp_path / name).pixels, as_rgb(grey))


def test_a_file_is_known_by_its_content(tmp_path):
    path = stored(tmp_path / "a.nii.gz", lying(marked(**GREY)[..., 0])).rename(tmp_path / "IM0001")
    assert read_frames(path).size == (24, 32)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(b"Doe^Jane" * 200))
    with pytest.raises(UnreadableFrames, match="gzip archive; unpack it first"):
        read_frames(tmp_path / "b.nii.gz")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_file_cut_short_is_refused_when_its_frames_are_asked_for(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 5), dtype=np.uint8)
    path = stored(tmp_path / name, noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableFrames, match=f"{name}, frame 5 of 5, .*cut short"):
        read_frames(path).pixels[4]


def test_frames_survive_the_way_to_a_worker_process(tmp_path):
    grey = marked(3, **GREY)[..., 0]
    frames = read_frames(stored(tmp_path / "a.nii.gz", lying(grey)))
    frames.pixels[0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[2], as_rgb(grey)[2])


def test_without_nibabel_the_extra_to_install_is_named(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.nii", lying(marked(**GREY)[..., 0]))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UnreadableFrames, match=r"a\.nii is a NIfTI picture, .* pip install 'echocare\[nifti\]'"):
        read_frames(path)


def test_no_damage_to_a_file_ends_in_another_error(tmp_path):
    whole = [stored(tmp_path / f"a.{end}", lying(marked(3, **GREY)[..., 0])).read_bytes() for end in ("nii", "nii.gz")]
    random, read = np.random.default_rng(4), 0
    for turn in range(120):
        data = bytearray(whole[turn % 2])
        for place in random.integers(0, min(len(data), 400), 6):
            data[place] = random.integers(256)
        (tmp_path / "x").write_bytes(bytes(data))
        try:
            read += read_frames(tmp_path / "x").pixels[0].dtype == np.uint8
        except UnreadableFrames:
            continue
    assert read


@pytest.mark.parametrize("steps", [(0.5, 0.5, 0.5), (0.2, 0.3, 0.6), (0.1, 0.3, 0.1)])
def test_a_volume_is_refused_where_its_planes_are_as_far_apart_as_its_pixels(tmp_path, steps):
    volume = np.zeros((32, 24, 20), dtype=np.uint8)
    with pytest.raises(UnreadableFrames, match=r"a\.nii is a 3-D volume, whose third axis has steps of 0\.\d beside"):
        read_frames(stored(tmp_path / "a.nii", volume, np.diag([*steps, 1])))


@pytest.mark.parametrize("steps", [(1, 1, 1), (0.1, 0.2, 1), (0.308, 0.154, 1.54), (0.1, 0.2, 33.3), (0.3, 0.3, 0.033)])
def test_a_third_axis_whose_steps_are_not_like_pixels_is_time_and_said_so(tmp_path, steps):
    frames = read_frames(stored(tmp_path / "a.nii", lying(marked(5, **GREY)[..., 0]), np.diag([*steps, 1])))
    assert (len(frames), frames.notes) == (5, (THIRD_AXIS,))


def test_time_on_its_own_axis_needs_no_word(tmp_path):
    grey = lying(marked(4, **GREY)[..., 0])[:, :, None, :]
    assert read_frames(stored(tmp_path / "a.nii", grey, np.diag([0.2, 0.2, 0.2, 1]))).notes == ()


@pytest.mark.parametrize(
    ("dim", "reason"),
    [((2, 9000, 9000), "9000x9000 px, larger"), ((3, 4096, 4096, 9000), "unpacks to"), ((3, 16, 16, 999999), "frames")],
)
def test_a_header_that_claims_more_than_any_is_refused_before_it_is_unpacked(tmp_path, dim, reason):
    header = nibabel.Nifti2Header()
    header.set_data_dtype(np.uint8)
    header["dim"][: len(dim)] = dim
    header["vox_offset"] = 544
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1 << 20)))
    with pytest.raises(UnreadableFrames, match=reason):
        read_frames(tmp_path / "a.nii.gz")


def test_what_stands_behind_the_last_number_is_not_unpacked(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.nii", lying(marked(2, **GREY)[..., 0]))
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(path.read_bytes() + bytes(1 << 26)))
    kept = []
    monkeypatch.setattr(unpacked, "TemporaryFile", lambda: kept.append(io.BytesIO()) or kept[0])
    np.testing.assert_array_equal(read_frames(tmp_path / "b.nii.gz").pixels, read_frames(path).pixels)
    assert len(kept[0].getvalue()) == path.stat().st_size


def test_frames_of_numbers_too_wide_for_any_picture_are_refused(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header["dim"][:6] = (5, 4096, 4096, 1, 1, 3)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    (tmp_path / "a.nii").write_bytes(header.binaryblock + bytes(100))
    with pytest.raises(UnreadableFrames, match="has frames of 384 MiB"):
        read_frames(tmp_path / "a.nii")
