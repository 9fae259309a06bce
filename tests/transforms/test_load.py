"""A frame becomes an upright tensor that carries its calibration."""

import numpy as np
import pytest
import torch
from PIL import Image
from ultrasound_files import marked, region, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.frames import read_frames
from echocare_core.transforms import LoadUltrasoundd

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


def test_the_affine_is_the_spacing_row_before_column(tmp_path):
    image = load(write_ultrasound(tmp_path / "a", marked(), spacing_mm=(0.2, 0.1)))
    np.testing.assert_allclose(image.affine, np.diag([0.2, 0.1, 1, 1]))
    np.testing.assert_allclose(image.meta["spacing_mm"], [0.2, 0.1])


def test_an_uncalibrated_picture_has_nan_spacing_and_a_unit_affine(tmp_path):
    image = load(saved_picture(tmp_path / "a.png"))
    assert image.meta["spacing_mm"].isnan().all()
    np.testing.assert_array_equal(image.affine, np.eye(4))


def test_pixel_mm_calibrates_a_picture(tmp_path):
    image = load(saved_picture(tmp_path / "a.png"), pixel_mm=0.3)
    np.testing.assert_allclose(image.meta["spacing_mm"], [0.3, 0.3])
    np.testing.assert_allclose(image.affine, np.diag([0.3, 0.3, 1, 1]))


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
