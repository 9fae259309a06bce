"""What each bundle gave when its weights were published, it gives today: files, table, the first losses of a training.

`python tests/bundles/test_golden.py NAME` writes the values of a bundle anew: after new weights, never after a change
of code that should not change them. A golden file also says, before it is written for the first time, which part of
the demo's export the bundle sees (`export`, all of it without), and which columns its table of training images has
beside those of `small_tables` (`columns`).
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from PIL import Image
from torch.nn import functional

import echocare_core as echocare
from echocare_core.demo import EXPORT

sys.path.insert(0, str(Path(__file__).parents[1]))  # where pytest looks, and this file as a script must as well
from small_tables import write_table

GOLDEN = Path(__file__).parent / "golden"
LOSSES = 5  # of the first steps, each of which follows from those before
OTHERWISE_ROUNDED = 1e-3  # relative, between processors
CPU_INFO, AMX = Path("/proc/cpuinfo"), "amx_tile"


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over several threads round otherwise than those of one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def arithmetic() -> str:
    """How this processor rounds: which instructions PyTorch takes, and its operations on fixed numbers."""
    numbers = torch.from_numpy(np.random.default_rng(7).standard_normal((2, 16, 64, 64), dtype=np.float32))
    weight = numbers[0].reshape(-1)[: 32 * 16 * 9].reshape(32, 16, 3, 3)
    convolved = functional.conv2d(numbers, weight, padding=1)
    normalised = functional.instance_norm(functional.layer_norm(convolved, (64,)))
    product = normalised.flatten(2) @ normalised.flatten(2).transpose(1, 2)
    scaled = functional.interpolate(functional.gelu(normalised), scale_factor=1.7, mode="bilinear")
    rounded = digest(torch.cat([product.softmax(dim=-1).flatten(), scaled.flatten()]).numpy())
    has_amx = CPU_INFO.is_file() and AMX in CPU_INFO.read_text(
        encoding="utf-8"
    )  # for which oneDNN cuts products otherwise
    return f"{torch.backends.cpu.get_cpu_capability()}{' AMX' if has_amx else ''} {rounded}"


def predict_demo(bundle: Path, part: str, out: Path) -> dict[str, Any]:
    """The table of a part of the demo's export, and the digest of each picture beside it but overlays."""
    echocare.predict(bundle, EXPORT / part, out, settings={"device": "cpu", "precision": "float32"})
    pictures = [path for path in sorted(out.rglob("*.png")) if "overlays" not in path.parts]
    return {
        "table": (out / "results.csv").read_text(encoding="utf-8-sig").splitlines(),
        "files": {path.relative_to(out).as_posix(): digest(np.asarray(Image.open(path))) for path in pictures},
    }


def first_losses(bundle: Path, columns: dict[str, list[str]], folder: Path) -> list[float]:
    """Losses of the first steps of a training on small pictures of speckle with discs, in float32."""
    write_table(folder, ("train",) * 10 + ("val", "val"), columns)
    logging.getLogger("ignite").setLevel(logging.ERROR)
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / "train.json"), workflow_type="train", logging_file=False,
        bundle_root=str(bundle), dataset_dir=str(folder), output_dir=str(folder / "run"), image_size=[128, 128],
        batch_size=2, max_epochs=4, device="$torch.device('cpu')", precision="float32",
    )  # fmt: skip
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    losses: list[float] = []
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: losses.append(float(engine.state.output["loss"].detach()))
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=LOSSES), lambda engine: engine.terminate())
    trainer.run()
    return losses


def golden_of(bundle: Path) -> dict[str, Any]:
    path = GOLDEN / f"{bundle.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def as_frame(lines: list[str]) -> pd.DataFrame:
    head, *rows = csv.reader(lines)
    return pd.DataFrame(rows, columns=head).apply(
        lambda column: pd.to_numeric(column) if column.str.fullmatch(r"-?\d*\.?\d*").all() else column
    )


def test_the_demo_gives_the_table_and_the_pictures_it_gave(task_bundle: Path, tmp_path: Path) -> None:
    golden = golden_of(task_bundle)
    found = predict_demo(task_bundle, golden["export"], tmp_path / "out")

    expected = as_frame(golden["table"])
    pd.testing.assert_frame_equal(as_frame(found["table"]), expected, rtol=OTHERWISE_ROUNDED, atol=1e-5)
    assert list(found["files"]) == list(golden["files"])
    if arithmetic() == golden["arithmetic"]:
        assert found["table"] == golden["table"]
        assert found["files"] == golden["files"]


def test_a_training_begins_with_the_losses_it_began_with(task_bundle: Path, tmp_path: Path) -> None:
    golden = golden_of(task_bundle)
    tolerance = 1e-4 if arithmetic() == golden["arithmetic"] else OTHERWISE_ROUNDED

    losses = first_losses(task_bundle, golden["columns"], tmp_path / "data")

    assert losses == pytest.approx(golden["losses"], rel=tolerance)


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    torch.set_num_threads(1)
    for name in sys.argv[1:]:
        folder = echocare.find_bundle(name)
        given = {"export": "", "columns": {}, **golden_of(folder)}
        with TemporaryDirectory() as scratch:
            values = {
                "export": given["export"],
                "columns": given["columns"],
                "arithmetic": arithmetic(),
                **predict_demo(folder, given["export"], Path(scratch, "out")),
                "losses": first_losses(folder, given["columns"], Path(scratch, "data")),
            }
        (GOLDEN / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
