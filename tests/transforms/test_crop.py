"""The crop to the scan region, and the way back to the recorded frame through each bundle's own preprocessing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd
from ultrasound_files import marked, region, write_ultrasound

from echocare_core.errors import UnreadableFrames
from echocare_core.transforms import CropToScanRegiond, LoadMaskd, LoadUltrasoundd

BUNDLES = sorted(Path(__file__).resolve().parents[2].glob("bundles/*/configs/inference.json"))
LANDSCAPE, PORTRAIT = (360, 520), (520, 360)
LOAD_AND_CROP = Compose([LoadUltrasoundd("image"), CropToScanRegiond("image")])


def test_the_scan_region_is_cut_out(tmp_path):
    pixels = np.arange(24 * 32, dtype=np.uint16).reshape(1, 24, 32, 1).repeat(3, axis=3).astype(np.uint8)
    path = write_ultrasound(tmp_path / "a", pixels, regions=[region((2, 5, 20, 30))])
    image = LOAD_AND_CROP({"image": path})["image"]
    np.testing.assert_array_equal(image[0], pixels[0, 2:20, 5:30, 0])


def test_a_file_without_regions_stays_whole(tmp_path):
    assert LOAD_AND_CROP({"image": write_ultrasound(tmp_path / "a", marked())})["image"].shape == (3, 24, 32)


@pytest.mark.parametrize("box", [(5, 0, 6, 32), (0, 5, 24, 15), (0, 0, 15, 32)])
def test_a_region_too_small_to_show_anything_is_refused_by_the_name_of_its_file(tmp_path, box):
    path = write_ultrasound(tmp_path / "IM7", marked(), regions=[region(box)])
    with pytest.raises(UnreadableFrames, match=rf"IM7 names a scan region of {box[3] - box[1]}x{box[2] - box[0]} px"):
        CropToScanRegiond("image")(LoadUltrasoundd("image")({"image": path}))


def test_the_mask_is_cut_like_its_image(tmp_path, png):
    path = write_ultrasound(tmp_path / "a", marked(), regions=[region((0, 10, 18, 32))])
    drawn = np.zeros((24, 32), dtype=np.uint8)
    drawn[:4, -6:] = 1
    chain = Compose([LoadUltrasoundd("image"), LoadMaskd("label", "image", 2), CropToScanRegiond(["image", "label"])])
    item = chain({"image": path, "label": png(drawn)})
    assert (item["label"][0] == (item["image"][0] > 200)).all()


def test_inverting_puts_the_region_back_into_a_black_frame(tmp_path):
    path = write_ultrasound(tmp_path / "a", marked(), regions=[region((1, 5, 20, 30))])
    crop = CropToScanRegiond("image")
    back = crop.inverse(crop(LoadUltrasoundd("image")({"image": path})))["image"]
    black = marked()[0].copy()
    black[:1], black[20:], black[:, :5], black[:, 30:] = 0, 0, 0, 0
    np.testing.assert_array_equal(back, black.transpose(2, 0, 1))


@pytest.mark.parametrize("config", BUNDLES, ids=lambda path: path.parents[1].name)
@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT], ids=["landscape", "portrait"])
@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left"])
def test_a_mask_comes_back_to_the_right_pixels_of_the_recorded_frame(tmp_path, config, size, corner):
    height, width = size
    box = (40, 30, height - 20, width - 60)
    rows = (60, 100) if "top" in corner else (height - 90, height - 50)
    columns = (50, 110) if "left" in corner else (width - 150, width - 90)
    pixels = np.full((1, height, width, 3), 20, dtype=np.uint8)
    pixels[0, rows[0] : rows[1], columns[0] : columns[1]] = 240
    preprocessing = preprocessing_of(config)
    item = preprocessing({"image": write_ultrasound(tmp_path / "a", pixels, regions=[region(box)])})
    found = bounds_of(mask_of_the_bright_part(item, preprocessing))
    np.testing.assert_allclose(found, (*rows, *columns), atol=2)


@pytest.mark.parametrize("config", BUNDLES, ids=lambda path: path.parents[1].name)
@pytest.mark.parametrize("size", [(20, 300), (301, 37), (255, 256)])
def test_every_shape_of_picture_fits_the_network_and_comes_back_at_its_size(tmp_path, config, size):
    preprocessing = preprocessing_of(config)
    item = preprocessing({"image": write_ultrasound(tmp_path / "a", np.full((1, *size, 3), 255, dtype=np.uint8))})
    entries = json.loads(config.read_text(encoding="utf-8"))
    assert list(item["image"].shape[1:]) == entries.get("image_size", list(size))  # of some, that of the picture
    assert float(item["image"].min()) >= 0
    assert 0.9999 < float(item["image"].max()) <= 1  # white stays white; a smaller picture is smoothed first
    assert mask_of_the_bright_part(item, preprocessing).all()
    assert mask_of_the_bright_part(item, preprocessing).shape == size


def preprocessing_of(config: Path) -> Compose:
    parser = ConfigParser()
    parser.read_config(config)
    parser["bundle_root"] = str(config.parents[1])
    return parser.get_parsed_content("preprocessing")


def mask_of_the_bright_part(item, preprocessing) -> np.ndarray:
    """What a network that scores brightness would say of the recorded frame: bool (height, width)."""
    score = MetaTensor(torch.as_tensor(item["image"][:1]).clone())
    inverted = Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False, to_tensor=True)
    return np.asarray(inverted({**item, "pred": score})["pred"][0]) > 0.5


def bounds_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
