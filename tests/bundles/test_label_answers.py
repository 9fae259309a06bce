"""Every bundle that gives masks or boxes answers MONAI Label as it asks: upright, whole labels; others are refused."""

import json

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose
from ultrasound_files import marked, write_ultrasound

from echocare_core.errors import BundleError
from echocare_core.integrations.label.folder import check_suitable

SHARE = (slice(0, 60), slice(200, 256))  # of the network's picture: a mark in the top right corner


def test_the_bundle_is_suitable_exactly_if_it_gives_masks_or_boxes(bundle, metadata):
    [output, *_] = metadata["network_data_format"]["outputs"].values()
    if output["format"] in ("segmentation", "boxes"):
        check_suitable(bundle)
    else:
        with pytest.raises(BundleError, match=f"{bundle.name} gives no masks"):
            check_suitable(bundle)


def answered(bundle, path, **request):
    """What MONAI Label does with a request: the transforms of the configuration, with a mark in place of a network."""
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.json"))
    parser["bundle_root"] = str(bundle)
    item = {"image": str(path), "image_path": str(path), "model": bundle.name, "device": "cpu", **request}
    for transform in parser.get_parsed_content("preprocessing").transforms:
        item = transform(item)
    logits = torch.zeros(len(parser["label_names"]) + 1, *item["image"].shape[1:])
    logits[1], logits[0] = -5, 5
    rows, columns = SHARE
    logits[1, rows, columns], logits[0, rows, columns] = 5, -5
    item["pred"] = logits
    postprocessing = parser.get_parsed_content("postprocessing")
    for transform in postprocessing.transforms if isinstance(postprocessing, Compose) else postprocessing:
        item = transform(item)
    return item


def test_a_mark_in_one_corner_comes_back_there(segmentation_bundle, tmp_path):
    path = write_ultrasound(tmp_path / "a.dcm", marked(3, height=256, width=256)[:, :192], spacing_mm=(0.3, 0.3))
    item = answered(segmentation_bundle, path, frame=1)
    mask = item["pred"].T  # of (width, height)
    rows, columns = np.nonzero(mask)

    assert (mask.dtype, mask.shape) == (np.uint8, (192, 256))
    assert (mask[:20, -50:] == 1).all()
    assert columns.min() > 128
    assert rows.max() < 96
    assert item["result"]["frame"] == 1
    assert item["result"]["spacing_mm"] == pytest.approx([0.3, 0.3])
    assert any(name.endswith(("_mm", "_mm2")) and value for name, value in item["result"].items())
    assert item["result"]["annotations"][0]["annotation"]["elements"]
    json.dumps(item["result"], allow_nan=False)


def test_a_bundle_that_cautions_against_itself_says_so_in_its_answer(segmentation_bundle, tmp_path):
    metadata = json.loads((segmentation_bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    path = write_ultrasound(tmp_path / "a.dcm", marked(height=256, width=256), spacing_mm=(0.3, 0.3))
    doubts = answered(segmentation_bundle, path)["result"].get("doubts", [])
    assert ("caution" in metadata) == (metadata.get("caution") in doubts)
