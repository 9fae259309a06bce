"""Masks as 3D Slicer and MONAI Label save them, arrays of columns before rows, lie on their pictures as PNG ones do."""

import itk
import nibabel
import numpy as np
import pytest
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import TableError
from echocare_core.transforms import LoadMaskd, LoadUltrasoundd
from echocare_core.transforms.mask import read_mask

DRAWN = np.zeros((24, 32), dtype=np.uint8)
DRAWN[:4, -6:] = 1


def saved(path, rows, kind=np.uint8):
    """Write what is (rows, columns), or (frames, rows, columns), as the viewers do."""
    if path.name.endswith((".nii", ".nii.gz")):
        stored = rows.T if rows.ndim > 2 else rows.T[..., None]
        nibabel.save(nibabel.Nifti1Image(stored.astype(kind), np.diag([-0.2, -0.2, 1, 1])), path)
    else:
        itk.imwrite(itk.image_from_array(rows.astype(kind)), str(path))
    return str(path)


@pytest.mark.parametrize("name", ["m.nii.gz", "m.nii", "m.nrrd", "m.mha"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_the_mark_is_where_it_was_drawn(tmp_path, name, kind):
    np.testing.assert_array_equal(read_mask(saved(tmp_path / name, DRAWN, kind), (24, 32), labels=2), DRAWN)


@pytest.mark.parametrize("name", ["m.nii.gz", "m.nrrd"])
def test_one_slice_is_one_mask(tmp_path, name):
    np.testing.assert_array_equal(read_mask(saved(tmp_path / name, DRAWN[None]), (24, 32), labels=2), DRAWN)


def test_a_mask_of_each_frame_gives_that_of_the_items_frame(tmp_path):
    image = write_ultrasound(tmp_path / "cine", marked(3), frame_time_ms=40)
    masks = np.stack([DRAWN * 0, DRAWN, DRAWN[::-1]])
    item = {"image": str(image), "label": saved(tmp_path / "m.nrrd", masks), "frame": 2}
    loaded = LoadMaskd("label", image_key="image", labels=2)(LoadUltrasoundd("image")(item))
    np.testing.assert_array_equal(loaded["label"][0], DRAWN[::-1])


def test_a_frame_without_a_mask_is_refused(tmp_path):
    path = saved(tmp_path / "m.nrrd", np.stack([DRAWN, DRAWN]))
    with pytest.raises(TableError, match=r"m\.nrrd has 2 frames; number 5, counted from 0, is asked for"):
        read_mask(path, (24, 32), labels=2, frame=5)


def test_another_size_than_the_picture_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"has shape \(24, 32\); needed that of its image, \(32, 24\)"):
        read_mask(saved(tmp_path / "m.nii.gz", DRAWN), (32, 24), labels=2)


def test_fractions_are_refused(tmp_path):
    with pytest.raises(TableError, match="holds colours or fractions"):
        read_mask(saved(tmp_path / "m.nrrd", DRAWN * 0.5, np.float32), (24, 32), labels=2)


def test_a_label_that_is_none_is_refused(tmp_path):
    with pytest.raises(TableError, match="holds the value 3"):
        read_mask(saved(tmp_path / "m.nrrd", DRAWN * 3), (24, 32), labels=2)


def test_a_damaged_file_is_named(tmp_path):
    path = saved(tmp_path / "m.nrrd", DRAWN)
    (tmp_path / "m.nrrd").write_bytes((tmp_path / "m.nrrd").read_bytes()[:-50])
    with pytest.raises(TableError, match=r"m\.nrrd"):
        read_mask(path, (24, 32), labels=2)
