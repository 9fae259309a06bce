"""Where a classifier looked: its evidence place by place, in the recorded frame, and beside a drawn lesion."""

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose
from PIL import Image
from torch.nn import functional

from echocare_core.errors import TableError
from echocare_core.frames.reduced import reduced_frames
from echocare_core.tasks.class_activation import ClassActivationd, score_activation
from echocare_core.tasks.classification import (
    ClassActivationNetwork,
    ClassificationNetwork,
    ClassificationOutputd,
    score_classes,
)
from echocare_core.training import FlipInferer
from echocare_core.transforms import LoadUltrasoundd, PrepareScand
from echocare_core.types import ClassActivation, Frames, Region

CLASSES = ["benign", "malignant"]
POINT = {"label": "malignant", "threshold": 0.9}
SIZE, BOX = (90, 130), (10, 20, 80, 120)  # of the frame, and of its scan region


def both_networks():
    """One that answers for the picture, and one with its weights that answers for each place."""
    whole, places = (
        kind(classes=3, encoder="tiny", dropout=0.5).eval() for kind in (ClassificationNetwork, ClassActivationNetwork)
    )
    places.load_state_dict(whole.state_dict(), strict=True)
    return whole, places


def prepared(most_pixels=10**6):
    """A frame with a bright box in its scan region, as the network gets it, and the preprocessing."""
    frame = np.zeros((*SIZE, 3), dtype=np.uint8)
    frame[20:40, 90:110] = 255
    frames = Frames(Path("IM1"), [frame], SIZE, regions=(Region("tissue", BOX, None),), scan_region=0)
    steps = [
        LoadUltrasoundd("image"),
        PrepareScand("image", size=(70, 70), mode="bilinear", anti_aliasing=True, value_range=(0, 1)),
    ]
    return Compose(steps)({"image": reduced_frames(frames, most_pixels)}), Compose(steps)


def answered(classes=CLASSES, point=POINT, most_pixels=10**6, more=0.0):
    """What is said of that frame by a network for which what is bright speaks for the last class."""
    item, preprocessing = prepared(most_pixels)
    bright = functional.adaptive_avg_pool2d(item["image"][:1].as_tensor(), 7)
    logits = torch.cat([-bright] * (len(classes) - 1) + [4 * bright - 1]) + more
    item["pred"] = MetaTensor(logits, meta=item["image"].meta)
    answer = ClassificationOutputd("pred", "pathology", classes, point)
    return ClassActivationd("pred", "image", preprocessing)(answer(item))


def map_of(item):
    [found] = [one for one in item["outputs"] if isinstance(one, ClassActivation)]
    return found


def test_the_mean_of_what_is_said_of_places_is_what_is_said_of_the_picture():
    whole, places = both_networks()
    image = torch.rand(2, 3, 128, 192)
    with torch.no_grad():
        assert places(image).shape == (2, 3, 2, 3)
        torch.testing.assert_close(places(image).mean(dim=(-2, -1)), whole(image))


def test_the_map_of_a_mirror_image_is_the_mirrored_map():
    _, places = both_networks()
    image = torch.rand(1, 3, 128, 192)
    with torch.no_grad():
        straight, mirrored = (FlipInferer()(one, places) for one in (image, image.flip(-1)))
    torch.testing.assert_close(mirrored, straight.flip(-1))
    assert not torch.allclose(straight, straight.flip(-1))


@pytest.mark.parametrize("most_pixels", [10**6, 4000], ids=["as recorded", "reduced"])
def test_the_evidence_lies_in_the_recorded_frame_where_it_was_seen(most_pixels):
    evidence = map_of(answered(most_pixels=most_pixels)).evidence
    assert evidence.shape == SIZE
    assert evidence.dtype == np.float32
    row, column = np.unravel_index(np.nanargmax(evidence), SIZE)
    assert 20 <= row < 40
    assert 90 <= column < 110
    assert evidence[70, 40] < 0  # dark


def test_nothing_is_said_of_what_the_network_did_not_see():
    evidence = map_of(answered()).evidence
    top, left, bottom, right = BOX
    assert np.isfinite(evidence[top:bottom, left:right]).all()
    assert np.isnan(evidence).sum() == evidence.size - (bottom - top) * (right - left)


def test_the_map_is_of_the_class_that_is_asked_about():
    item = answered()
    assert item["outputs"][0].answer == "benign"
    assert (map_of(item).name, map_of(item).label) == ("pathology", "malignant")


def test_without_such_a_class_the_map_is_of_the_answer():
    item = answered(classes=["normal", "benign", "malignant"], point=None)
    assert map_of(item).label == item["outputs"][0].answer == "normal"


def test_the_same_number_on_every_logit_changes_no_evidence():
    np.testing.assert_allclose(map_of(answered()).evidence, map_of(answered(more=3.0)).evidence, atol=1e-5)


def test_of_a_network_that_says_nothing_of_places_there_is_no_map():
    item, preprocessing = prepared()
    item["pred"] = torch.tensor([0.0, 1.0])
    answer = ClassificationOutputd("pred", "pathology", CLASSES, POINT)
    found = ClassActivationd("pred", "image", preprocessing)(answer(item))["outputs"]
    assert [type(one).__name__ for one in found] == ["Scores"]


def drawn(path, label=1):
    """A drawn mask of the bright box, with something else drawn beside it."""
    mask = np.zeros(SIZE, dtype=np.uint8)
    mask[60:75, 30:60], mask[20:40, 90:110] = (1 if label > 1 else 0), label
    Image.fromarray(mask).save(path)
    return str(path)


@pytest.mark.parametrize("lesion", [None, 2])
def test_evidence_on_the_lesion_is_more_than_chance_would_give(tmp_path, lesion):
    item = {**answered(), "mask": drawn(tmp_path / "mask.png", lesion or 1)}
    found = score_activation(item, lesion)
    assert found["mask_share"] == pytest.approx(20 * 20 / (70 * 100))
    assert found["activation_in_mask"] > 5 * found["mask_share"]


def test_a_lesion_with_a_file_of_its_own_is_found_by_the_place_of_that_file(tmp_path):
    Image.new("L", SIZE[::-1], 255).save(tmp_path / "organ.png")
    lesion = np.array(Image.open(drawn(tmp_path / "lesion.png"))) * 255
    Image.fromarray(lesion).save(tmp_path / "lesion.png")
    both = f"{tmp_path / 'organ.png'};{tmp_path / 'lesion.png'}"
    found = score_activation({**answered(), "mask": both}, lesion=2)
    assert found["mask_share"] == pytest.approx(20 * 20 / (70 * 100))


def test_an_image_without_a_drawn_mask_is_scored_by_its_answer_alone():
    item = {**answered(), "mask": "", "pathology": "benign"}
    assert set(score_classes(item, column="pathology", classes=CLASSES)) == {
        *("truth", "answer", "benign_probability", "malignant_probability")
    }


def test_a_mask_of_another_picture_is_refused(tmp_path):
    Image.new("L", (30, 30)).save(tmp_path / "mask.png")
    with pytest.raises(TableError, match=r"has shape \(30, 30\); needed that of its image, \(90, 130\)"):
        score_activation({**answered(), "mask": str(tmp_path / "mask.png")}, None)
