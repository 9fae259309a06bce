"""The main job where CUDA is seen: predict, evaluate, train and go on, by the bundles as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bundle_workflow import run_bundle
from PIL import Image
from small_tables import write_table

import echocare_core as echocare
from echocare_core.demo import EXPORT, run_demo

PARTS = {"breast_lesion_segmentation": "BREAST", "fetal_head_segmentation": "FETAL"}
SAME = 0.999  # Dice of two masks that differ by rounding


def dice(one: np.ndarray, other: np.ndarray) -> float:
    both = (one > 0) & (other > 0)
    return 2 * both.sum() / max(1, (one > 0).sum() + (other > 0).sum()) if (one > 0).any() or (other > 0).any() else 1.0


@pytest.fixture(params=PARTS)
def bundle(request: pytest.FixtureRequest) -> Path:
    return echocare.find_bundle(request.param)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_a_gpu_finds_what_the_cpu_finds(bundle: Path, precision: str, tmp_path: Path) -> None:
    on_cpu, on_gpu = (
        echocare.predict(bundle, EXPORT / PARTS[bundle.name], tmp_path / device, settings=settings)
        for device, settings in (("cpu", {"device": "cpu"}), ("cuda", {"device": "cuda", "precision": precision}))
    )

    assert [row["source"] for row in on_gpu] == [row["source"] for row in on_cpu]
    of_frames = [(one, other) for one, other in zip(on_cpu, on_gpu, strict=True) if one["mask"]]
    assert of_frames
    for one, other in of_frames:
        masks = [
            np.asarray(Image.open(tmp_path / name / str(row["mask"]))) for name, row in (("cpu", one), ("cuda", other))
        ]
        assert dice(*masks) > (SAME if precision == "float32" else 0.98)


def test_the_demo_runs(tmp_path: Path) -> None:
    assert len([row for row in run_demo(tmp_path / "out").rows if row["mask"]]) == 48


def test_a_training_goes_on_and_its_weights_are_evaluated(bundle: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "data")
    settings = {"dataset_dir": str(table), "output_dir": str(tmp_path / "run"), "batch_size": 2}
    run_bundle(bundle, ["train.json"], "train", max_epochs=1, **settings)
    run_bundle(bundle, ["train.json"], "train", max_epochs=2, **settings)
    scored = {
        "dataset_dir": str(table),
        "output_dir": str(tmp_path / "scores"),
        "weights": str(tmp_path / "run/best.pt"),
    }
    run_bundle(bundle, ["inference.json", "evaluate.json"], "infer", **scored)

    assert torch.load(tmp_path / "run" / "latest.pt", weights_only=True)["epoch"] == 2
    assert json.loads((tmp_path / "scores" / "evaluation.json").read_text())


@pytest.mark.two_gpus
def test_two_processes_on_two_gpus_train_together_and_go_on(tmp_path: Path) -> None:
    bundle, table = echocare.find_bundle("breast_lesion_segmentation"), write_table(tmp_path / "data")
    files = [str(bundle / "configs" / name) for name in ("train.json", "multi_gpu_train.json")]
    words = ["--config_file", str(files), "--dataset_dir", str(table), "--output_dir", str(tmp_path / "run")]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
        *("-m", "monai.bundle", "run", *words, "--batch_size", "2", "--max_epochs"),
    ]
    for epochs in ("1", "2"):
        ran = subprocess.run(
            [*command, epochs], cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr

    assert torch.load(tmp_path / "run" / "latest.pt", weights_only=True)["epoch"] == 2
