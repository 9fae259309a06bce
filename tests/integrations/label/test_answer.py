"""What MONAI Label gets: its own order of axes, whole labels, numbers and outlines; others get what they got."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from skimage.draw import polygon2mask

from echocare_core.errors import SettingsError
from echocare_core.integrations.label.answer import SaveImageForLabeld, outlines
from echocare_core.transforms.foreign import note_foreign
from echocare_core.types import Boxes, Foreign, Mask, Measurement

DRAWN = np.zeros((24, 32), dtype=np.uint8)
DRAWN[:4, -6:] = 1
BUNDLES = Path(__file__).resolve().parents[3] / "bundles"
FINISH = SaveImageForLabeld("pred", image_key="image", bundle_root=str(BUNDLES / "fetal_head_segmentation"))


def item(path="/studies/a.png", *, frames=1, **asked):
    meta = {"number_of_frames": frames, "spacing_mm": torch.tensor([0.2, 0.1])}
    outputs = (Mask(DRAWN, {1: "head"}), Measurement("length", 3.5, "mm"), Measurement("width", math.nan, "mm"))
    image = MetaTensor(torch.zeros(3, 8, 8), meta=meta)
    return {"image_path": path, "image": image, "pred": torch.zeros(1, 24, 32), "outputs": outputs, **asked}


def test_the_mask_is_columns_by_rows_without_a_channel():
    mask = FINISH(item())["pred"]
    assert (mask.shape, mask.dtype) == ((32, 24), np.uint8)
    np.testing.assert_array_equal(mask.T, DRAWN)


def test_an_item_of_anything_else_stays_as_it_is():
    before = item()
    del before["image_path"]
    after = FINISH(before)
    assert after.keys() == before.keys()
    assert after["pred"] is before["pred"]


@pytest.mark.parametrize(
    ("source", "asked", "written"),
    [
        ("a.png", None, ".png"),
        ("a.JPG", None, ".png"),
        ("series", None, ".png"),
        ("a.dcm", None, ".png"),
        ("a.mp4", None, ".png"),
        ("a.nii.gz", None, ".nii.gz"),
        ("a.nrrd", None, ".nrrd"),
        ("a.jpg", ".nrrd", ".nrrd"),
    ],
)
def test_the_file_keeps_every_label(source, asked, written):
    assert FINISH(item(f"/studies/{source}", result_extension=asked))["result_extension"] == written


def test_a_format_that_loses_labels_is_refused():
    with pytest.raises(SettingsError, match=r"A mask as \.jpg would have other labels"):
        FINISH(item(result_extension=".jpg"))


def test_measurements_stand_beside_the_mask_as_json_takes_them():
    result = FINISH(item())["result"]
    assert (result["length_mm"], result["width_mm"], result["spacing_mm"]) == (3.5, None, pytest.approx([0.2, 0.1]))
    assert "says" not in result
    assert json.dumps(result, allow_nan=False)


def test_of_a_cine_the_answer_says_which_frame_it_is_of():
    result = FINISH(item(frames=30, frame=4))["result"]
    assert (result["frame"], result["number_of_frames"]) == (4, 30)
    assert result["says"] == "This is frame 5 of 30; the parameter frame (0 to 29) asks for another."


def test_outlines_are_those_of_each_label_that_was_found():
    [annotation] = FINISH(item())["result"]["annotations"]
    [element] = annotation["annotation"]["elements"]
    [contour] = element["contours"]
    columns, rows = np.array(contour).T
    assert element["label"] == "head"
    corners = [columns.min(), columns.max(), rows.min(), rows.max()]
    assert corners == pytest.approx([25.5, 31.5, -0.5, 3.5], abs=0.5)


def test_an_outline_filled_again_is_the_mask():
    rows, columns = np.mgrid[:60, :80]
    part = (rows - 25) ** 2 / 300 + (columns - 40) ** 2 / 900 < 1
    [contour] = outlines(part)
    filled = polygon2mask(part.shape, np.array(contour)[:, ::-1])
    assert np.mean(filled != part) < 0.01


def test_nothing_found_has_no_outline():
    assert outlines(np.zeros((24, 32), dtype=bool)) == []


def test_a_picture_that_the_bundle_is_not_meant_for_is_doubted():
    foreign = item()
    note_foreign(foreign["image"], Foreign("looks like liver, not fetal head", 0.97))
    assert FINISH(foreign)["result"]["doubts"] == ["looks like liver, not fetal head: 0.97"]
    assert "doubts" not in FINISH(item())["result"]


def test_what_a_bundle_says_against_itself_stands_before_other_doubts(tmp_path):
    metadata = tmp_path / "configs" / "metadata.json"
    metadata.parent.mkdir()
    finish = SaveImageForLabeld("pred", image_key="image", bundle_root=str(tmp_path))
    foreign = item()
    note_foreign(foreign["image"], Foreign("looks like liver, not thyroid", 0.97))
    for caution in ("", "not trained on thyroid"):
        metadata.write_text(json.dumps({"caution": caution} if caution else {}), encoding="utf-8")
        said = [caution] if caution else []
        assert finish(item())["result"].get("doubts", []) == said
        assert finish(foreign.copy())["result"]["doubts"] == [*said, "looks like liver, not thyroid: 0.97"]


def with_boxes(*rows, size=(24, 32)):
    """An item of a detection: (class, confidence, corners) of each box."""
    labels, scores, corners = zip(*rows, strict=True) if rows else ((), (), np.zeros((0, 4)))
    found = Boxes(np.array(corners, dtype=float), labels, scores, ("liver", "mass"))
    found_in = item()
    found_in["image"].meta["recorded_size"] = torch.tensor(size)
    return {**found_in, "outputs": (found,)}


def test_boxes_are_drawn_with_the_numbers_of_their_classes_small_ones_on_top():
    mask = FINISH(with_boxes(("mass", 0.9, (8, 9, 12, 14)), ("liver", 0.8, (2.4, 3.2, 19.6, 29.7))))["pred"].T

    assert mask.shape == (24, 32)
    assert (mask[8:12, 9:14] == 2).all()
    assert (mask == 2).sum() == 4 * 5
    assert (mask > 0).sum() == (20 - 2) * (30 - 3)


def test_a_box_smaller_than_a_pixel_is_drawn_as_one():
    assert FINISH(with_boxes(("mass", 0.9, (8.1, 9.1, 8.3, 9.3))))["pred"].sum() == 2


def test_boxes_are_told_with_their_corners_and_as_outlines():
    said = FINISH(with_boxes(("mass", 0.75, (8, 9, 12, 14))))["result"]

    assert said["boxes"] == [{"label": "mass", "confidence": 0.75, "corners_px": [8, 9, 12, 14]}]
    assert said["annotations"] == [
        {
            "annotation": {
                "elements": [{"label": "mass", "contours": [[[8.5, 7.5], [13.5, 7.5], [13.5, 11.5], [8.5, 11.5]]]}]
            }
        }
    ]
    json.dumps(said, allow_nan=False)


def test_where_no_box_is_found_the_answer_is_empty_and_says_so():
    finished = FINISH(with_boxes())

    assert not finished["pred"].any()
    assert finished["result"]["boxes"] == []


def test_an_answer_with_a_mask_has_no_boxes():
    assert "boxes" not in FINISH(item())["result"]
