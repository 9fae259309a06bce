"""A stand-in for the bundle that says what pictures show: by their grey, so that a test draws what it wants shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import Transform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from output_bundle import write_output_bundle

from echocare_core.recognition import NONE, RECOGNISER
from echocare_core.types import OperatingPoint, Scores

TREE = Path(__file__).parents[1] / "data_manifests" / "organ_tree.yaml"
GREYS = {"breast": 40, "liver": 90, "fetal_head": 140, "abdomen": 190}  # of 255; what is coloured is none of these
SURE = 0.95
MEAN = {"_target_": "echocare_core.tasks.classification.mean_scores", "_mode_": "callable"}


def picture_of(organ: str, *, size: tuple[int, int] = (48, 64)) -> NDArray[np.uint8]:
    """Speckle, uint8 (height, width, 3), that shows an organ, or `NONE`, to the stand-in."""
    speckle = np.random.default_rng(len(organ)).integers(-9, 10, (*size, 1)) * np.ones(3, dtype=int)
    grey = np.array([200, 40, 40]) if organ == NONE else np.full(3, GREYS[organ])
    return (speckle + grey).astype(np.uint8)


class ShowsByGreyd(Transform):
    """The organ whose grey is nearest to the mean of the picture."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        red, green, blue = 255 * convert_to_numpy(data["image"]).reshape(3, -1).mean(axis=1)
        nearest = min(GREYS, key=lambda organ: abs(GREYS[organ] - (red + green + blue) / 3))
        chosen = NONE if red > blue + 50 else nearest
        classes = [*GREYS, NONE]
        rest = (1 - SURE) / (len(classes) - 1)
        probabilities = {name: SURE if name == chosen else rest for name in classes}
        return {**data, "outputs": (Scores("organ", probabilities, OperatingPoint(NONE, 0.5)),)}


def write_recogniser(folder: Path) -> Path:
    """Write it as a bundle."""
    write_output_bundle(folder, ["scores"], cine=MEAN)
    shutil.copyfile(TREE, folder / "configs" / "organ_tree.yaml")
    change(folder, "inference.json", inferer={"_target_": "SimpleInferer"}, postprocessing=of_evaluator("ShowsByGreyd"))
    config = json.loads((folder / "configs" / "inference.json").read_text())
    config["evaluator"]["postprocessing"] = "@postprocessing"
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    change(folder, "metadata.json", bundle_name=RECOGNISER)
    return folder


def of_evaluator(name: str) -> dict[str, str]:
    return {"_target_": f"recogniser_bundle.{name}"}


def write_meant_bundle(
    folder: Path,
    meant_for: Sequence[str],
    recogniser: Path | str,
    *,
    kinds: Sequence[str] = ("mask", "number"),
    **parts: Any,
) -> Path:
    """Write a bundle that is meant for some organs, and marks what is not; `parts` as `write_output_bundle`."""
    write_output_bundle(folder, kinds, **parts)
    change(folder, "metadata.json", bundle_name=folder.name, meant_for=list(meant_for))
    config = json.loads((folder / "configs" / "inference.json").read_text())
    note = {"_target_": "echocare_core.recognition.NoteForeignd", "keys": "image", "bundle_root": "@bundle_root",
            "recogniser": "@recogniser", "probability": "@foreign_probability", "device": "@device"}  # fmt: skip
    config["preprocessing"]["transforms"].insert(1, note)
    settings = {"recogniser": str(recogniser), "foreign_probability": 0.9}
    change(folder, "inference.json", **settings, preprocessing=config["preprocessing"])
    return folder


def change(folder: Path, name: str, **entries: Any) -> None:
    """Replace entries of one of a bundle's files."""
    path = folder / "configs" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))
