"""What others ask of a bundle, where CUDA is seen: DICOM objects, a network that stays loaded, MONAI Label's item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import ConfigParser
from PIL import Image

import echocare_core as echocare
from echocare_core.demo import EXPORT
from echocare_core.prediction import LoadedBundle
from echocare_core.types import Results

PARTS = {"breast_lesion_segmentation": "BREAST", "fetal_head_segmentation": "FETAL"}


@pytest.fixture(params=PARTS)
def bundle(request: pytest.FixtureRequest) -> Path:
    return echocare.find_bundle(request.param)


def masks_of(results: Results) -> list[list[int]]:
    masks = [str(row["mask"]) for row in results if row["mask"]]  # the row of a cine has none
    return [np.asarray(Image.open(results.folder / mask)).tolist() for mask in masks]


def test_a_loaded_network_writes_what_predict_writes_with_dicom_objects(bundle: Path, tmp_path: Path) -> None:
    export = EXPORT / PARTS[bundle.name]
    loaded = LoadedBundle(bundle, {"device": "cuda"})
    first, second = (loaded.predict(export, tmp_path / str(run), settings={"dicom": True}) for run in range(2))
    known = echocare.predict(bundle, export, tmp_path / "known", settings={"device": "cuda", "dicom": True})
    objects = [sorted(path.name for path in one.folder.glob("dicom/**/*.dcm")) for one in (first, second, known)]

    assert masks_of(first) == masks_of(second) == masks_of(known)
    assert objects[0] == objects[1] == objects[2] != []


def test_monai_label_is_answered(bundle: Path) -> None:
    path = str(next(path for path in sorted((EXPORT / PARTS[bundle.name]).rglob("IM*"))))
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.json"))
    parser.update({"bundle_root": str(bundle), "device": "cuda"})
    item: dict[str, Any] = parser.get_parsed_content("preprocessing")({"image": path, "image_path": path})
    network = parser.get_parsed_content("network")
    item["pred"] = parser.get_parsed_content("inferer")(item["image"][None].to("cuda"), network)[0]
    answer = parser.get_parsed_content("postprocessing")(item)

    assert isinstance(answer["pred"], np.ndarray)
    assert answer["pred"].dtype == np.uint8
    assert answer["pred"].shape == tuple(int(side) for side in item["image"].meta["recorded_size"])[::-1]
    assert answer["result"]["frame"] == 0
