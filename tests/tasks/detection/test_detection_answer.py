"""Boxes land in the frame that was recorded, as masks do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd
from test_network import output_of

from echocare_core.errors import SettingsError
from echocare_core.frames.reduced import reduced_frames
from echocare_core.tasks.detection import BoxChoice, BoxCoding, DetectionOutputd
from echocare_core.transforms import LoadUltrasoundd, PrepareScand
from echocare_core.types import Frames, Region

SIZE = [192, 192]
CODING = BoxCoding(image_size=SIZE, strides=[16, 32, 64], anchor_strides=3)
CHOICE = BoxChoice(
    CODING, classes=["liver", "mass"], single=[], candidate_score=0.1, most_iou=0.5, most_boxes=9
)  # fmt: skip
PREPARE = Compose(
    [
        LoadUltrasoundd("image"),
        PrepareScand("image", size=SIZE, mode="bilinear", anti_aliasing=True, value_range=[0, 1]),
    ]
)


def prepared(height=300, width=260, regions=(), spacing_mm=None, most_pixels=10**9):
    picture = np.full((height, width, 3), 90, np.uint8)
    frames = Frames(Path("made-up"), [picture], (height, width), None, regions=regions, spacing_mm=spacing_mm)
    return PREPARE({"image": reduced_frames(frames, most_pixels)})


def answer(item, box, number=0, least_score=0.5):
    said = {**item, "pred": output_of(CODING, [box], [number])}
    [boxes] = DetectionOutputd("pred", "image", CHOICE, least_score)(said)["outputs"]
    return boxes


REGION = Region(kind="2d", box=(40, 100, 240, 250), spacing_mm=(0.3, 0.2))


@pytest.mark.parametrize(
    "picture",
    [{}, {"spacing_mm": (0.3, 0.2)}, {"regions": (REGION,), "spacing_mm": (0.3, 0.2)}, {"height": 90, "width": 251}],
)
def test_a_box_lands_where_a_mask_of_it_lands(picture):
    item, box = prepared(**picture), (32, 80, 80, 104)
    mask = torch.zeros(1, *SIZE)
    mask[0, box[0] : box[2], box[1] : box[3]] = 1
    undo = Invertd("pred", PREPARE, orig_keys="image", nearest_interp=False, to_tensor=True)
    drawn = np.argwhere(undo({**item, "pred": MetaTensor(mask, meta=item["image"].meta)})["pred"][0].numpy() > 0.5)

    [found] = answer(item, box).corners_px

    np.testing.assert_allclose(found, [*drawn.min(axis=0), *(drawn.max(axis=0) + 1)], atol=1)


def test_a_box_in_a_reduced_frame_is_given_in_the_pixels_of_the_file():
    whole, reduced = prepared(600, 520), prepared(600, 520, most_pixels=100_000)
    assert int(reduced["image"].meta["reduction"]) == 2
    [found], [expected] = (answer(item, (32, 80, 80, 104)).corners_px for item in (reduced, whole))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_box_never_leaves_the_frame():
    item = prepared(height=192, width=192)
    [found] = answer(item, (-30, -40, 60, 70)).corners_px
    assert found[:2].tolist() == [0, 0]
    np.testing.assert_allclose(found[2:], [60, 70], atol=0.01)


def test_a_box_in_the_padding_alone_is_none():
    assert answer(prepared(height=300, width=90), (40, 2, 90, 30)).labels == ()  # the picture is in the middle


def test_an_answer_is_as_sure_as_asked_and_candidates_are_kept_for_the_score():
    item = {**prepared(), "pred": output_of(CODING, [(32, 80, 80, 104)], [1], sure=1.0)}
    asked = [DetectionOutputd("pred", "image", CHOICE, least)(dict(item)) for least in (0.5, 0.9)]
    assert [one["outputs"][0].labels for one in asked] == [("mass",), ()]
    assert asked[0]["outputs"][0].classes == ("liver", "mass")
    assert len(asked[1]["pred"]) >= 1


@pytest.mark.parametrize(("name", "value"), [("candidate_score", 2), ("most_iou", -1), ("most_boxes", 0)])
def test_a_choice_that_would_keep_nothing_or_all_is_refused(name, value):
    settings = {"candidate_score": 0.1, "most_iou": 0.5, "most_boxes": 9, name: value}
    with pytest.raises(SettingsError, match=f"{name} is {value}; needed a"):
        BoxChoice(CODING, classes=["liver"], single=[], **settings)


def test_a_least_score_above_1_is_refused():
    with pytest.raises(SettingsError, match="least_score is 3; needed a number from 0 to 1"):
        DetectionOutputd("pred", "image", CHOICE, 3)
