"""MetaImage as CAMUS and ITK write it becomes upright frames."""

import pickle
import sys

import numpy as np
import pytest
from ultrasound_files import marked

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_export, read_frames
from echocare_core.frames.plausible import NOT_A_LENGTH
from echocare_core.frames.volume.pixels import THIRD_AXIS

itk = pytest.importorskip("itk", reason="ITK is not installed: pip install 'echocare[itk]'")


def write_metaimage(path, array, spacing=(0.308, 0.154, 1.54), *, colours=False, compressed=False):
    """Write (time, height, width) as CAMUS does: three axes, x first in the file, its spacing x first."""
    image = itk.image_from_array(np.ascontiguousarray(array), is_vector=colours)
    image.SetSpacing([float(one) for one in spacing[: image.GetImageDimension()]])
    itk.imwrite(image, str(path), compression=compressed)
    return path


def grey(frames=1):
    return marked(frames, channels=1)[..., 0]


def as_rgb(pixels):
    return np.repeat(pixels[..., None], 3, axis=3)


def test_a_camus_still_is_upright_with_its_anisotropic_spacing(tmp_path):
    frames = read_frames(write_metaimage(tmp_path / "patient0001_2CH_ED.mhd", grey()))
    assert (len(frames), frames.size, frames.frame_times_ms) == (1, (24, 32), (0.0,))
    assert frames.spacing_mm == pytest.approx((0.154, 0.308))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey()))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["a.mhd", "a.mha"])
def test_a_camus_sequence_is_a_cine_whose_frames_can_be_had_in_any_order(tmp_path, name, compressed):
    frames = read_frames(write_metaimage(tmp_path / name, grey(6), compressed=compressed))
    assert (len(frames), frames.frame_times_ms) == (6, None)
    for number in (4, 1, 5, 0):
        np.testing.assert_array_equal(frames.pixels[number], as_rgb(grey(6))[number])


def test_it_is_the_picture_that_monai_reads_lying_on_its_side(tmp_path):
    transforms = pytest.importorskip("monai.transforms")
    path = write_metaimage(tmp_path / "a.mhd", grey(3))
    monai = transforms.LoadImage(reader="ITKReader", image_only=True)(path).numpy()
    np.testing.assert_array_equal(np.stack(read_frames(path).pixels)[..., 0], monai.transpose(2, 1, 0))


def test_it_is_the_picture_that_simpleitk_reads(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, the oracle, is not installed")
    path = write_metaimage(tmp_path / "a.mhd", grey(3))
    np.testing.assert_array_equal(
        np.stack(read_frames(path).pixels)[..., 0], sitk.GetArrayFromImage(sitk.ReadImage(path))
    )


@pytest.mark.parametrize("frames", [1, 4])
def test_colours_are_kept(tmp_path, frames):
    path = write_metaimage(tmp_path / "a.mha", marked(frames), colours=True)
    np.testing.assert_array_equal(read_frames(path).pixels, marked(frames))


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.float32, np.float64])
def test_other_numbers_within_0_to_255_are_shown_as_they_are(tmp_path, kind):
    frames = read_frames(write_metaimage(tmp_path / "a.mha", grey(2).astype(kind)))
    np.testing.assert_array_equal(frames.pixels, as_rgb(grey(2)))


def test_a_spacing_of_one_is_no_calibration(tmp_path):
    assert read_frames(write_metaimage(tmp_path / "a.mha", grey(), (1, 1, 1))).spacing_mm is None


@pytest.mark.parametrize("step", [1e12, 1e-9, float("nan")])
def test_a_spacing_that_ultrasound_does_not_have_is_none_and_said_so(tmp_path, step):
    path = write_metaimage(tmp_path / "a.mhd", grey())
    path.write_text(path.read_text().replace("0.154", str(step)))
    frames = read_frames(path)
    assert (frames.spacing_mm, frames.notes) == (None, (NOT_A_LENGTH,))


def test_numbers_that_stand_nowhere_near_are_refused(tmp_path):
    path = write_metaimage(tmp_path / "a.mhd", grey())
    (tmp_path / "link").symlink_to("/etc/hostname")
    for name in ("../a.raw", "/etc/hostname", "link", "LIST", "a%d.raw 1 4 1", ""):
        header = path.read_text().rpartition("ElementDataFile")[0] + f"ElementDataFile = {name}\n"
        (tmp_path / "b.mhd").write_text(header)
        with pytest.raises(UnreadableFrames, match=r"b\.mhd does not name one file beside it"):
            read_frames(tmp_path / "b.mhd")


def test_missing_numbers_are_refused(tmp_path):
    path = write_metaimage(tmp_path / "a.mhd", grey())
    (tmp_path / "a.raw").unlink()
    with pytest.raises(UnreadableFrames, match=r"a\.mhd needs the file beside it"):
        read_frames(path)


def test_equal_headers_of_other_numbers_are_no_copies(tmp_path):
    for name, pixels in (("A", grey(2)), ("B", 255 - grey(2)), ("C", grey(2))):
        (tmp_path / name).mkdir()
        write_metaimage(tmp_path / name / "a.mhd", pixels)
    export = read_export(tmp_path)
    assert [export.source_of(frames) for frames in export.files] == ["A/a.mhd", "B/a.mhd"]


def test_numbers_cut_short_are_refused_when_asked_for(tmp_path):
    path = write_metaimage(tmp_path / "a.mhd", grey(4))
    raw = tmp_path / "a.raw"
    raw.write_bytes(raw.read_bytes()[: 24 * 32 * 2 + 5])
    frames = read_frames(path)
    np.testing.assert_array_equal(frames.pixels[1], as_rgb(grey(4))[1])
    with pytest.raises(UnreadableFrames, match=r"a\.mhd, frame 3 of 4, cannot be decoded"):
        frames.pixels[2]


def test_frames_survive_the_way_to_a_worker_process(tmp_path):
    frames = read_frames(write_metaimage(tmp_path / "a.mha", grey(3)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).pixels[2], as_rgb(grey(3))[2])


def test_without_itk_the_extra_to_install_is_named(tmp_path, monkeypatch):
    path = write_metaimage(tmp_path / "a.mha", grey())
    monkeypatch.setitem(sys.modules, "itk", None)
    with pytest.raises(UnreadableFrames, match=r"a\.mha is a MetaImage picture, .* pip install 'echocare\[itk\]'"):
        read_frames(path)


def test_no_damage_to_a_file_ends_in_another_error(tmp_path, capfd):
    whole = write_metaimage(tmp_path / "a.mha", grey(3)).read_bytes()
    random, read = np.random.default_rng(4), 0
    for _ in range(80):
        data = bytearray(whole)
        for place in random.integers(14, 330, 3):
            data[place] = random.integers(32, 127)
        (tmp_path / "x").write_bytes(bytes(data))
        try:
            read += read_frames(tmp_path / "x").pixels[0].dtype == np.uint8
        except UnreadableFrames:
            continue
    assert read


def test_a_volume_is_refused_where_its_planes_are_as_far_apart_as_its_pixels(tmp_path):
    with pytest.raises(UnreadableFrames, match=r"a\.mha is a 3-D volume"):
        read_frames(write_metaimage(tmp_path / "a.mha", grey(9), (0.3, 0.3, 0.3)))
    assert read_frames(write_metaimage(tmp_path / "b.mha", grey(9))).notes == (THIRD_AXIS,)


@pytest.mark.parametrize(
    ("size", "compressed", "reason"),
    [("9000 9000 1", "False", "9000x9000 px, larger"), ("1024 1024 999", "True", "unpacks to more than 128 MiB")],
)
def test_a_header_that_claims_more_than_any_is_refused_before_it_is_unpacked(tmp_path, size, compressed, reason):
    path = write_metaimage(tmp_path / "a.mhd", grey())
    text = path.read_text().replace("CompressedData = False", f"CompressedData = {compressed}")
    path.write_text(text.replace("DimSize = 32 24 1", f"DimSize = {size}"))
    with pytest.raises(UnreadableFrames, match=reason):
        read_frames(path)
