"""What each segmentation bundle gave when its weights were published, it gives today: masks, table, first losses.

`python tests/bundles/test_golden.py NAME` writes the values of a bundle anew: after new weights, never after a change
of code that should not change them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from PIL import Image
from small_tables import write_table

import echocare_core as echocare
from echocare_core.demo import EXPORT

GOLDEN = Path(__file__).parent / "golden"
PARTS = {"breast_lesion_segmentation": "BREAST", "fetal_head_segmentation": "FETAL"}
LOSSES = 20


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def arithmetic(bundle: Path) -> str:
    """Logits of the bundle's network on a fixed picture: processors round the last digits differently."""
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / "inference.json"), workflow_type="infer", logging_file=False,
        bundle_root=str(bundle), device="cpu", precision="float32",
    )  # fmt: skip
    picture = np.random.default_rng(7).random((2, 3, 256, 256), dtype=np.float32)
    with torch.no_grad():
        return digest(workflow.parser.get_parsed_content("network")(torch.from_numpy(picture)).numpy())


def predict_demo(bundle: Path, out: Path) -> dict[str, Any]:
    """The table of the demo's export, and each mask's digest and area."""
    settings = {"device": "cpu", "precision": "float32"}
    results = echocare.predict(bundle, EXPORT / PARTS[bundle.name], out, settings=settings)
    masks = {row["mask"]: np.asarray(Image.open(out / row["mask"])) for row in results}
    return {
        "table": (out / "results.csv").read_text(encoding="utf-8-sig").splitlines(),
        "masks": {name: digest(mask) for name, mask in masks.items()},
        "areas_px": {name: int((mask > 0).sum()) for name, mask in masks.items()},
    }


def first_losses(bundle: Path, folder: Path) -> list[float]:
    """Losses of the first steps of a training on speckle with discs, in float32."""
    write_table(folder, ("train",) * 10 + ("val", "val"))
    logging.getLogger("ignite").setLevel(logging.ERROR)
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / "train.json"), workflow_type="train", logging_file=False,
        bundle_root=str(bundle), dataset_dir=str(folder), output_dir=str(folder / "run"), batch_size=2, max_epochs=4,
        device="$torch.device('cpu')", precision="float32",
    )  # fmt: skip
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    losses: list[float] = []
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: losses.append(float(engine.state.output["loss"].detach()))
    )
    workflow.run()
    return losses[:LOSSES]


def golden_of(bundle: Path) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{bundle.name}.json").read_text(encoding="utf-8"))


def test_the_demo_gives_the_table_and_masks_it_gave(segmentation_bundle: Path, tmp_path: Path) -> None:
    golden, found = golden_of(segmentation_bundle), predict_demo(segmentation_bundle, tmp_path / "out")

    if arithmetic(segmentation_bundle) == golden["arithmetic"]:
        assert found["table"] == golden["table"]
        assert found["masks"] == golden["masks"]
    assert found["areas_px"] == pytest.approx(golden["areas_px"], rel=1e-3)
    assert [line.split(",")[:4] for line in found["table"]] == [line.split(",")[:4] for line in golden["table"]]


def test_a_training_begins_with_the_losses_it_began_with(segmentation_bundle: Path, tmp_path: Path) -> None:
    assert first_losses(segmentation_bundle, tmp_path / "data") == pytest.approx(
        golden_of(segmentation_bundle)["losses"], rel=1e-4
    )


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    torch.set_num_threads(1)
    for name in sys.argv[1:]:
        with TemporaryDirectory() as scratch:
            folder = echocare.find_bundle(name)
            values = {"arithmetic": arithmetic(folder), **predict_demo(folder, Path(scratch, "out"))}
            values["losses"] = first_losses(folder, Path(scratch, "data"))
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
