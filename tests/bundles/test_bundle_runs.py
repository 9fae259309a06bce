"""`python -m monai.bundle run`, as users type it: from anywhere, on copies, to the end.

Each run is a process of its own. The two that start cold take some seconds to import PyTorch and MONAI, the others find
both imported (`warm_python.py`). They are run with one bundle; `test_configurations.py` and `test_golden.py` show in
one process that the others are wired alike, train, go on, are evaluated and predict; `tests/docs` types the commands of
training and evaluation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small_tables import disc_picture, write_table
from ultrasound_files import region, write_ultrasound
from warm_python import run_python

import echocare_core as echocare
from echocare_core.bundle import WEIGHTS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def bundle() -> Path:
    """The folder of the bundle that stands for all."""
    return REPOSITORY / "bundles" / "breast_lesion_segmentation"


def run(*words: object, cwd: Path, processes: int = 1, cold: bool = False) -> subprocess.CompletedProcess:
    """`python -m monai.bundle run WORDS`, by torchrun if by several processes; cold is to the letter."""
    command = ["-m", "monai.bundle", "run", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if not cold:
        return run_python(*command, cwd=cwd, env=environment, processes=processes)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    typed = [sys.executable, *(launcher if processes > 1 else ()), *command]
    return subprocess.run(typed, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Two DICOM stills, one of them calibrated, and a text file."""
    folder = tmp_path / "export"
    (folder / "ST1").mkdir(parents=True)
    write_ultrasound(folder / "ST1" / "IM1", disc_picture(0)[0][None], regions=[region((0, 0, 96, 128), (0.5, 0.5))])
    write_ultrasound(folder / "ST1" / "IM2", disc_picture(1)[0][None])
    (folder / "readme.txt").write_text("text")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with a table of seven images in three splits."""
    return write_table(tmp_path / "data")


def place(where: str, bundle: Path, tmp_path: Path) -> tuple[str, Path]:
    """(path of the bundle as typed, working directory)."""
    if where == "an unrelated directory":
        return str(bundle), tmp_path
    if where == "its own folder":
        return ".", bundle
    if where == "a renamed copy while standing in the original":
        shutil.copytree(bundle, tmp_path / "renamed")
        return str(tmp_path / "renamed"), bundle
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", bundle.parent, bundle.name)
    shutil.unpack_archive(archive, tmp_path / "unpacked")
    return str(tmp_path / "unpacked" / bundle.name), tmp_path / "unpacked"


PLACES = [  # and the root of the repository, where tests/test_readme.py is; a renamed copy comes below
    "an unrelated directory",
    "its own folder",
    "a zip that was unpacked",
]


@pytest.mark.parametrize("where", PLACES)
def test_inference_runs_from(where: str, bundle: Path, export: Path, tmp_path: Path) -> None:
    root, cwd = place(where, bundle, tmp_path)

    ran = run(
        "--config_file", f"{root}/configs/inference.json", "--dataset_dir", export, "--output_dir", tmp_path / "out",
        cwd=cwd, cold=where == PLACES[0],
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    assert list(results["source"][:2]) == ["ST1/IM1", "ST1/IM2"]
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / results["overlay"][0]).is_file()


def test_a_mask_has_the_size_of_the_recorded_frame(bundle: Path, export: Path, tmp_path: Path) -> None:
    results = echocare.predict(bundle, export, tmp_path / "out")

    assert [np.asarray(Image.open(tmp_path / "out" / str(row["mask"]))).shape for row in results] == [(96, 128)] * 2


def masks_in(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(folder / name)) for name in pd.read_csv(folder / "results.csv")["mask"].dropna()]


def test_masks_of_a_cine_are_smoothed_where_that_is_asked_for_and_stills_are_not(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    cine = np.stack([disc_picture(20 * number)[0] for number in range(3)])
    write_ultrasound(tmp_path / "export" / "CINE", cine, frame_time_ms=40)
    write_ultrasound(tmp_path / "export" / "STILL", cine[:1])
    ran = run(
        "--config_file", bundle / "configs" / "inference.json", "--dataset_dir", tmp_path / "export",
        "--output_dir", tmp_path / "out", "--smoothed_frames", 3, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    for name, frames in (("same", 3), ("plain", 1)):
        echocare.predict(bundle, tmp_path / "export", tmp_path / name, settings={"smoothed_frames": frames})

    *smoothed, still = masks_in(tmp_path / "out")
    *plain, plain_still = masks_in(tmp_path / "plain")
    assert all(np.array_equal(*pair) for pair in zip((*smoothed, still), masks_in(tmp_path / "same"), strict=True))
    assert not any(np.array_equal(*pair) for pair in zip(smoothed, plain, strict=True))
    assert np.array_equal(still, plain_still)


def test_by_default_a_copy_writes_into_itself(bundle: Path, export: Path, tmp_path: Path) -> None:
    root, cwd = place("a renamed copy while standing in the original", bundle, tmp_path)

    ran = run("--config_file", f"{root}/configs/inference.json", "--dataset_dir", export, cwd=cwd)

    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "renamed" / "eval" / "results.csv").is_file()
    assert not (bundle / "eval").exists()


def test_an_empty_export_fails_instead_of_ending_in_silence(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    ran = run(
        "--config_file", bundle / "configs" / "inference.json", "--dataset_dir", tmp_path / "empty",
        "--output_dir", tmp_path / "out", cwd=tmp_path,
    )  # fmt: skip

    assert ran.returncode != 0
    assert "UnreadableFrames" in ran.stderr
    assert not (tmp_path / "out").exists()


def train(bundle: Path, table: Path, out: Path, configs: list[str], **options: Any) -> subprocess.CompletedProcess:
    files = (
        str([str(bundle / "configs" / name) for name in configs])
        if len(configs) > 1
        else bundle / "configs" / configs[0]
    )
    settings = {
        "dataset_dir": table,
        "output_dir": out,
        "max_epochs": 1,
        "batch_size": 2,
        "image_size": [128, 128],
        "device": "$torch.device('cpu')",
    }
    words = [
        word for name, value in {**settings, **options.pop("settings", {})}.items() for word in (f"--{name}", value)
    ]
    return run("--config_file", files, *words, cwd=out.parent, **options)


def test_two_processes_train_adapters_together_and_resume_with_a_handler_put_in_front(
    bundle: Path, table: Path, tmp_path: Path
) -> None:
    configs, put_in_front = ["train.json", "finetune.json", "multi_gpu_train.json"], [{"_target_": "GarbageCollector"}]

    first = train(bundle, table, tmp_path / "run", configs, processes=2, cold=True, settings={"tuning": "lora"})
    again = train(
        bundle, table, tmp_path / "run", configs, processes=2,
        settings={"tuning": "lora", "max_epochs": 2, "train#handlers": put_in_front},
    )  # fmt: skip

    assert first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stderr
    assert (again.stdout + again.stderr).count("Going on after epoch 1") == 1
    state = torch.load(tmp_path / "run" / "latest.pt", weights_only=True)
    assert (state["epoch"], state["iteration"]) == (2, 2)
    assert not [name for name in state["model"] if name.startswith("module.")]
    best, shipped = (torch.load(path, weights_only=True) for path in (tmp_path / "run" / "best.pt", bundle / WEIGHTS))
    assert {name: one.shape for name, one in best.items()} == {name: one.shape for name, one in shipped.items()}
    writers = {path.name.split(".")[-2] for path in (tmp_path / "run").glob("events.out.tfevents.*")}
    assert len(writers) == 2, "the first process of each of the two runs writes curves, and no other"


def test_a_training_without_a_table_says_what_is_needed(bundle: Path, tmp_path: Path) -> None:
    ran = train(bundle, tmp_path, tmp_path / "run", ["train.json"])

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(f"TableError: No table at {tmp_path / 'table.csv'}; needed a CSV")
    assert not (tmp_path / "run").exists()
