"""How beams run is noted in the meta of a picture, where later steps and other programs read it."""

import numpy as np
import pytest
import torch
from monai.data import list_data_collate
from ultrasound_files import region, write_ultrasound

from echocare_core.transforms import LoadUltrasoundd, NoteBeamsd
from echocare_core.transforms.beams import beams_in, is_noted


def loaded(tmp_path, pixels):
    path = write_ultrasound(tmp_path / "a", pixels[np.newaxis], regions=[region((30, 40, 190, 300))])
    return LoadUltrasoundd("image")({"image": path})


def test_beams_are_noted_in_pixels_of_the_scan_region_and_the_picture_stays(tmp_path):
    pixels = np.zeros((200, 320, 3), dtype=np.uint8)
    pixels[50:190, 60:280] = np.random.default_rng(0).integers(30, 200, (140, 220, 1))
    item = loaded(tmp_path, pixels)
    before = item["image"].clone()
    noted = NoteBeamsd("image")(item)["image"]
    assert beams_in(noted.meta).top == pytest.approx(20, abs=2)
    assert torch.equal(noted, before)


def test_a_blank_picture_is_noted_as_one_whose_beams_are_not_known(tmp_path):
    item = loaded(tmp_path, np.zeros((200, 320, 3), dtype=np.uint8))
    assert not is_noted(item["image"].meta)
    assert is_noted(NoteBeamsd("image")(item)["image"].meta)
    assert beams_in(item["image"].meta) is None


def test_notes_of_a_batch_stay_apart(tmp_path):
    pixels = np.random.default_rng(0).integers(30, 200, (200, 320, 3), dtype=np.uint8)
    items = [NoteBeamsd("image")(loaded(tmp_path, one)) for one in (pixels, np.zeros_like(pixels))]
    meta = list_data_collate(items)["image"].meta
    assert [beams_in({"beams": one}) is None for one in meta["beams"]] == [False, True]
