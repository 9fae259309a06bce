"""What `LoadUltrasoundd` gives, and masks made of it, leave MONAI's writers upright, with their spacing."""

import nibabel
import numpy as np
import pytest
import SimpleITK
from monai.transforms import AsDiscreted, Compose, CopyItemsd, Invertd, Orientationd, SaveImaged
from PIL import Image
from ultrasound_files import marked, region, write_ultrasound

from echocare_core.frames import read_frames
from echocare_core.transforms import LoadUltrasoundd, PrepareScand

SPACING = (0.2, 0.1)  # row, column
UPRIGHT = Orientationd(["image", "mask"], axcodes="LPS", allow_missing_keys=True)


def save(item, key, folder, extension):
    """Write one entry as documented, and find the file."""
    settings = {"output_ext": extension, "output_dtype": np.uint8, "resample": False, "print_log": False}
    if extension == ".nii.gz":
        settings["squeeze_end_dims"] = False  # without it MONAI 1.6 fails on any picture of one channel
    SaveImaged(key, output_dir=folder, output_postfix=key, separate_folder=False, **settings)(UPRIGHT(item))
    [path] = folder.glob(f"*{key}{extension}")
    return path


@pytest.fixture(params=["colour", "grey"])
def pixels(request):
    return marked(4) if request.param == "colour" else marked(4, channels=1).repeat(3, axis=-1)


def test_a_still_is_written_upright_as_png(tmp_path, pixels):
    path = write_ultrasound(tmp_path / "IM1", pixels[:1], spacing_mm=SPACING)
    found = save(LoadUltrasoundd("image")({"image": path}), "image", tmp_path / "out", ".png")
    np.testing.assert_array_equal(np.asarray(Image.open(found)), pixels[0])


def test_a_still_is_written_upright_as_nifti_with_its_spacing(tmp_path, pixels):
    path = write_ultrasound(tmp_path / "IM1", pixels[:1], spacing_mm=SPACING)
    found = save(LoadUltrasoundd("image")({"image": path}), "image", tmp_path / "out", ".nii.gz")

    image, other = nibabel.load(found), SimpleITK.ReadImage(str(found))

    np.testing.assert_array_equal(np.asarray(image.dataobj)[:, :, 0].swapaxes(0, 1), pixels[0])
    np.testing.assert_allclose(image.header.get_zooms()[:2], SPACING[::-1])
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(other)[:, 0].transpose(1, 2, 0), pixels[0])
    np.testing.assert_allclose(other.GetSpacing()[:2], SPACING[::-1])
    np.testing.assert_allclose(np.reshape(other.GetDirection(), (4, 4)), np.eye(4), atol=1e-7)
    ours = read_frames(found)
    np.testing.assert_array_equal(ours.pixels[0], pixels[0])
    assert ours.spacing_mm == pytest.approx(SPACING)


def test_a_cine_is_written_upright_as_nifti_with_its_spacing(tmp_path, pixels):
    path = write_ultrasound(tmp_path / "IM1", pixels, spacing_mm=SPACING, frame_time_ms=40)
    found = save(LoadUltrasoundd("image", frames="all")({"image": path}), "image", tmp_path / "out", ".nii.gz")

    image, other = nibabel.load(found), SimpleITK.ReadImage(str(found))

    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(2, 1, 0, 3), pixels)
    np.testing.assert_allclose(image.header.get_zooms()[:2], SPACING[::-1])
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(other).transpose(1, 2, 3, 0), pixels)
    np.testing.assert_allclose(other.GetSpacing()[:2], SPACING[::-1])


@pytest.mark.parametrize("extension", [".png", ".nii.gz"])
def test_a_mask_that_was_inverted_is_written_where_it_belongs(tmp_path, extension):
    pixels = np.full((1, 48, 80, 3), 20, dtype=np.uint8)
    pixels[:, 8:24, 50:70] = 240
    scan = region((4, 10, 44, 78), SPACING)
    path = write_ultrasound(tmp_path / "IM1", pixels, regions=[scan])
    prepare = Compose(
        [
            LoadUltrasoundd("image"),
            PrepareScand("image", size=(96, 96), mode="bilinear", anti_aliasing=True, value_range=[0, 1]),
        ]
    )
    invert = Compose(
        [
            CopyItemsd("image", names="mask"),
            Invertd("mask", prepare, orig_keys="image", nearest_interp=False),
            AsDiscreted("mask", threshold=0.5),
        ]
    )
    item = invert(prepare({"image": path}))

    found = save({"mask": item["mask"][:1]}, "mask", tmp_path / "out", extension)

    if extension == ".png":
        values = np.asarray(Image.open(found))
    else:
        image = nibabel.load(found)
        values = np.asarray(image.dataobj).squeeze().swapaxes(0, 1)
        np.testing.assert_allclose(image.header.get_zooms()[:2], SPACING[::-1], rtol=1e-5)
    assert values.shape == (48, 80)
    assert ((values > 0) == (pixels[0, ..., 0] > 100)).mean() > 0.98
