"""After the network no step cares where a tensor lies.

PyTorch's lazy device stands in for a GPU: it computes on the CPU, and like CUDA it refuses to hand a tensor to NumPy
before somebody has moved it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bright_network import BrightNetwork
from lazy_device import lazy_device
from monai.bundle import ConfigWorkflow
from PIL import Image
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare

SIZE = (96, 128)


@pytest.fixture(scope="module")
def lazy() -> torch.device:
    """A device that is not the CPU."""
    return lazy_device()


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, object]:
    """Settings that put a network of one line in the place of a segmentation bundle's, and nobody who tells organs."""
    torch.save(BrightNetwork().state_dict(), tmp_path / "bright.pt")
    network = {"network_def": {"_target_": "bright_network.BrightNetwork"}, "weights": str(tmp_path / "bright.pt")}
    return {**network, "recogniser": None}


def test_numpy_is_refused_there_until_the_tensor_is_moved(lazy: torch.device) -> None:
    tensor = torch.ones(2, device=lazy)

    with pytest.raises(TypeError, match="can't convert"):
        np.asarray(tensor)
    assert np.asarray(tensor.cpu()).tolist() == [1, 1]


def test_a_prediction_is_the_same_on_any_device(
    segmentation_bundle: Path, lazy: torch.device, stand_in: dict[str, object], tmp_path: Path
) -> None:
    write_ultrasound(tmp_path / "IM1", marked(2, *SIZE), spacing_mm=(0.2, 0.2))
    on_cpu, elsewhere = (
        echocare.predict(segmentation_bundle, tmp_path / "IM1", tmp_path / name, settings={**stand_in, "device": name})
        for name in ("cpu", lazy.type)
    )

    assert elsewhere.rows == on_cpu.rows
    for row in (row for row in on_cpu if row["mask"]):
        masks = [np.asarray(Image.open(tmp_path / name / str(row["mask"]))) for name in ("cpu", "lazy")]
        assert np.array_equal(*masks)
        assert masks[0].any()


def test_an_evaluation_is_the_same_on_any_device(
    segmentation_bundle: Path, lazy: torch.device, stand_in: dict[str, object], tmp_path: Path
) -> None:
    Image.fromarray(marked(1, *SIZE)[0]).save(tmp_path / "image.png")
    Image.fromarray((marked(1, *SIZE)[0, :, :, 0] > 128).astype(np.uint8)).save(tmp_path / "mask.png")
    row = {"image": "image.png", "mask": "mask.png", "group": "a", "split": "test", "head_circumference_mm": 30}
    pd.DataFrame([row]).to_csv(tmp_path / "table.csv", index=False)
    configs = [str(segmentation_bundle / "configs" / name) for name in ("inference.json", "evaluate.json")]
    for name in ("cpu", lazy.type):
        ConfigWorkflow(
            config_file=configs,
            workflow_type="infer", logging_file=False, bundle_root=str(segmentation_bundle), dataset_dir=str(tmp_path),
            output_dir=str(tmp_path / name), device=name, **stand_in,
        ).run()  # fmt: skip
    on_cpu, elsewhere = (json.loads((tmp_path / name / "evaluation.json").read_text()) for name in ("cpu", "lazy"))

    assert [one.pop("origin")["device"] for one in (on_cpu, elsewhere)] == ["cpu", "lazy"]
    assert elsewhere == on_cpu
