"""A frame becomes an upright tensor that carries its calibration."""

import numpy as np
import pytest
import torch
from monai.data import list_data_collate
from PIL import Image
from ultrasound_files import marked, region, write_ultrasound

from echocare_core.errors import SettingsError, UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.transforms import CropToScanRegiond, LoadUltrasound, LoadUltrasoundd

LOAD = LoadUltrasoundd(keys="image")


def load(path, **item):
    return LOAD({"image": path, **item})["image"]


def saved_picture(path):
    Image.fromarray(marked()[0]).save(path)
    return path


@pytest.mark.parametrize("kind", ["dicom", "png"])
def test_a_mark_in_the_top_right_corner_stays_there(tmp_path, kind):
    path = write_ultrasound(tmp_path / "a", marked()) if kind == "dicom" else saved_picture(tmp_path / "a.png")
    image = load(path)
    assert (image.shape, image.dtype) == ((3, 24, 32), torch.float32)
    assert (image[:, :4, -6:] == torch.tensor([250.0, 120, 30])[:, None, None]).all()
    assert (image == 10).sum() == 3 * (24 * 32 - 4 * 6)


def test_the_frame_that_the_item_names_is_loaded(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(4), frame_time_ms=40)
    image = load(path, frame=2)
    assert (image[0, -1, 0], image.meta["frame"], image.meta["frame_time_ms"]) == (12, 2, 80)


def test_opened_frames_are_taken_as_well_as_a_path(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(3))
    assert load(read_frames(path), frame=1).equal(load(str(path), frame=1))


def still_affine(row_mm, column_mm):
    """(row, column) to x and y of RAS, where LPS runs the other way."""
    return [[0, -column_mm, 0, 0], [-row_mm, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def cine_affine(row_mm, column_mm):
    """(time, row, column)."""
    return [[0, 0, -column_mm, 0], [0, -row_mm, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]


def test_the_affine_says_that_rows_run_down_and_columns_across_by_their_spacing(tmp_path):
    image = load(write_ultrasound(tmp_path / "a", marked(), spacing_mm=(0.2, 0.1)))
    np.testing.assert_allclose(image.affine, still_affine(0.2, 0.1))
    np.testing.assert_allclose(image.meta["spacing_mm"], [0.2, 0.1])


def test_an_uncalibrated_picture_has_nan_spacing_and_a_unit_affine(tmp_path):
    image = load(saved_picture(tmp_path / "a.png"))
    assert image.meta["spacing_mm"].isnan().all()
    np.testing.assert_array_equal(image.affine, still_affine(1, 1))


def test_pixel_mm_calibrates_a_picture(tmp_path):
    image = load(saved_picture(tmp_path / "a.png"), pixel_mm=0.3)
    np.testing.assert_allclose(image.meta["spacing_mm"], [0.3, 0.3])
    np.testing.assert_allclose(image.affine, still_affine(0.3, 0.3))


def test_pixel_mm_gives_way_to_what_the_file_says(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), spacing_mm=(0.2, 0.1))
    np.testing.assert_allclose(load(path, pixel_mm=9.0).meta["spacing_mm"], [0.2, 0.1])


def test_a_cine_without_times_has_nan_as_its_time(tmp_path):
    assert np.isnan(load(write_ultrasound(tmp_path / "a", marked(2))).meta["frame_time_ms"])


def test_the_scan_box_is_that_of_the_largest_tissue_region(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), regions=[region((2, 3, 10, 12)), region((4, 5, 22, 30))])
    assert load(path).meta["scan_box"].tolist() == [4, 5, 22, 30]


def test_the_path_of_the_file_is_kept(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked())
    assert load(path).meta["filename_or_obj"] == str(path)


def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UnreadableFrames, match=r"notes\.txt"):
        load(tmp_path / "notes.txt")


def test_a_key_that_the_item_lacks_may_be_skipped_when_told_so():
    assert LoadUltrasoundd(keys="image", allow_missing_keys=True)({"frame": 0}) == {"frame": 0}
    with pytest.raises(KeyError, match="image"):
        LOAD({"frame": 0})


def test_the_array_transform_loads_what_the_dictionary_transform_loads(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(3), frame_time_ms=40, spacing_mm=(0.2, 0.1))
    one, other = LoadUltrasound()(path, frame=1), load(path, frame=1)
    assert one.equal(other)
    assert one.affine.equal(other.affine)
    assert one.meta["frame_time_ms"] == other.meta["frame_time_ms"] == 40


@pytest.fixture
def cine(tmp_path):
    """Nine frames, 40 ms apart, frame n has the value 10 + n."""
    return write_ultrasound(tmp_path / "cine", marked(9), frame_time_ms=40, spacing_mm=(0.2, 0.1))


def test_a_whole_cine_is_channel_time_height_width(cine):
    image = LoadUltrasound(frames="all")(cine)
    assert (image.shape, image.dtype) == ((3, 9, 24, 32), torch.float32)
    assert image[0, :, -1, 0].tolist() == list(range(10, 19))
    assert (image[:, :, :4, -6:] == torch.tensor([250.0, 120, 30])[:, None, None, None]).all()


def test_a_cine_carries_its_times_and_its_spacing(cine):
    image = LoadUltrasound(frames="all")(cine)
    assert image.meta["frame"].tolist() == list(range(9))
    assert image.meta["frame_time_ms"].tolist() == [40.0 * frame for frame in range(9)]
    np.testing.assert_allclose(image.affine, cine_affine(0.2, 0.1))
    np.testing.assert_allclose(image.pixdim, [1, 0.2, 0.1])


def test_a_clip_begins_at_the_frame_the_item_names(cine):
    image = LoadUltrasoundd("image", frames=3, stride=2)({"image": cine, "frame": 2})["image"]
    assert image[0, :, -1, 0].tolist() == [12, 14, 16]
    assert image.meta["frame"].tolist() == [2, 4, 6]
    assert image.meta["frame_time_ms"].tolist() == [80, 160, 240]


def test_a_clip_may_reach_to_the_last_frame(cine):
    assert LoadUltrasound(frames=5, stride=2)(cine).meta["frame"].tolist() == [0, 2, 4, 6, 8]


def test_a_clip_of_one_frame_keeps_its_axis_of_time(cine):
    assert LoadUltrasound(frames=1)(cine).shape == (3, 1, 24, 32)


def test_a_whole_cine_can_be_thinned_out(cine):
    assert LoadUltrasound(frames="all", stride=4)(cine).meta["frame"].tolist() == [0, 4, 8]


@pytest.mark.parametrize(
    ("clip", "frame"), [((6, 2), 0), ((9, 1), 1), (("all", 1), 9), ((None, 1), 9), ((None, 1), -1)]
)
def test_a_clip_longer_than_its_cine_is_refused_by_name(cine, clip, frame):
    with pytest.raises(UnreadableFrames, match=r"cine has 9 frames; frame .* needed"):
        LoadUltrasound(*clip)(cine, frame=frame)


@pytest.mark.parametrize("clip", [(0, 1), (-1, 1), ("some", 1), (2.0, 1), (2, 0)])
def test_a_clip_that_cannot_be_is_refused(clip):
    with pytest.raises(SettingsError, match="LoadUltrasound got frames="):
        LoadUltrasound(*clip)


def test_clips_of_equal_length_make_a_batch(cine):
    clip = LoadUltrasoundd("image", frames=4)
    batch = list_data_collate([clip({"image": cine, "frame": start}) for start in (0, 3)])["image"]
    assert batch.shape == (2, 3, 4, 24, 32)
    assert batch.meta["frame"].tolist() == [[0, 1, 2, 3], [3, 4, 5, 6]]


def test_a_clip_is_cropped_to_its_scan_region_and_back(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(3), regions=[region((2, 5, 20, 30))])
    crop = CropToScanRegiond("image")
    item = crop(LoadUltrasoundd("image", frames="all")({"image": path}))
    assert item["image"].shape == (3, 3, 18, 25)
    assert crop.inverse(item)["image"].shape == (3, 3, 24, 32)


@pytest.fixture
def dual(tmp_path):
    """Two 2-D pictures side by side, the right one larger."""
    items = [region((2, 0, 22, 14), (0.3, 0.3)), region((2, 15, 22, 32), (0.2, 0.1))]
    return write_ultrasound(tmp_path / "dual", marked(), regions=items)


def test_of_a_dual_picture_the_region_used_is_said(dual):
    meta = load(dual).meta
    assert (meta["scan_region"], meta["scan_box"].tolist()) == (1, [2, 15, 22, 32])


def test_of_a_dual_picture_the_other_region_can_be_asked_for(dual):
    image = load(dual, scan_region=0)
    assert (image.meta["scan_region"], image.meta["scan_box"].tolist()) == (0, [2, 0, 22, 14])
    np.testing.assert_allclose(image.meta["spacing_mm"], [0.3, 0.3])


def test_a_region_that_is_not_there_is_refused(dual):
    with pytest.raises(SettingsError, match="dual has no 2-D region 5"):
        load(dual, scan_region=5)


def test_without_regions_the_whole_picture_is_said(tmp_path):
    assert load(saved_picture(tmp_path / "a.png")).meta["scan_region"] == -1


def test_a_camus_sequence_becomes_an_upright_cine_with_its_spacing(tmp_path):
    itk = pytest.importorskip("itk", reason="ITK is not installed: pip install 'echocare[itk]'")
    image = itk.image_from_array(marked(4, channels=1)[..., 0])
    image.SetSpacing([0.308, 0.154, 1.54])
    itk.imwrite(image, str(tmp_path / "patient0001_2CH_sequence.mhd"))
    loaded = LoadUltrasound(frames="all")(tmp_path / "patient0001_2CH_sequence.mhd")
    np.testing.assert_array_equal(loaded[0], marked(4, channels=1)[..., 0])
    np.testing.assert_allclose(loaded.affine, cine_affine(0.154, 0.308))
    assert loaded.meta["frame_time_ms"].isnan().all()


def test_an_echonet_video_becomes_a_clip_with_its_times(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'echocare[video]'")
    with av.open(str(tmp_path / "0X1A.avi"), "w") as file:
        stream = file.add_stream("mjpeg", rate=50)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuvj444p"
        for picture in marked(8):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    loaded = LoadUltrasound(frames=3, stride=2)(tmp_path / "0X1A.avi", frame=1)
    assert (loaded.shape, loaded.meta["frame_time_ms"].tolist()) == ((3, 3, 24, 32), [20, 60, 100])
    np.testing.assert_allclose(loaded[:, :, 1, -2].T, np.tile([250, 120, 30], (3, 1)), atol=25)


def test_a_nifti_of_monai_label_becomes_an_upright_picture(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed: pip install 'echocare[nifti]'")
    lying = marked(channels=1)[0].transpose(1, 0, 2)  # SimpleITK stores (columns, rows, 1) with an affine of LPS
    nibabel.save(nibabel.Nifti1Image(lying, np.diag([-0.1, -0.2, 1, 1])), tmp_path / "a.nii.gz")
    loaded = load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(loaded, np.repeat(marked(channels=1)[0].transpose(2, 0, 1), 3, axis=0))
    np.testing.assert_allclose(loaded.affine, still_affine(0.2, 0.1), rtol=1e-6)
