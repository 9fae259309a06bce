"""Bundles for tests: one network that finds what is bright, and what each kind of output makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bright_network import BrightNetwork
from monai.transforms import Transform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray

from echocare_core.errors import NoHeartBeat
from echocare_core.types import (
    Boxes,
    ClassActivation,
    Embedding,
    KnownImage,
    Mask,
    Measurement,
    OperatingPoint,
    Output,
    Picture,
    Points,
    Scores,
    Text,
)

Bright = NDArray[np.bool_]  # (height, width)


def mask_of(bright: Bright) -> Mask:
    return Mask(bright.astype(np.uint8), {1: "nodule"})


def boxes_of(bright: Bright) -> Boxes:
    if not bright.any():
        return Boxes(np.zeros((0, 4)), (), (), ("nodule", "cyst"))
    rows, columns = np.nonzero(bright)
    corners = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    smaller = [corners[0] + 2, corners[1] + 2, corners[0] + 20, corners[1] + 24]
    return Boxes(np.array([corners, smaller], dtype=float), ("nodule", "cyst"), (0.91, 0.42), ("nodule", "cyst"))


def points_of(bright: Bright) -> Points:
    names = ("biparietal_start", "biparietal_end", "occiput")
    if not bright.any():
        return Points(np.full((3, 2), np.nan), names)
    rows, columns = np.nonzero(bright)
    middle = columns.mean()
    return Points(np.array([[rows.min(), middle], [rows.max(), middle], [np.nan, np.nan]]), names)


def scores_of(bright: Bright) -> Scores:
    share = float(bright.mean())
    return Scores("pathology", {"benign": 1 - share, "malignant": share}, OperatingPoint("malignant", 0.05))


def activation_of(bright: Bright) -> ClassActivation:
    return ClassActivation("pathology", "malignant", np.where(bright, 2.0, -1.0).astype(np.float32))


def picture_of(bright: Bright) -> Picture:
    return Picture("enhanced", np.where(bright, 220, 40).astype(np.uint8)[..., None].repeat(3, axis=2))


def text_of(bright: Bright) -> Text:
    return Text("report", f"Nodule of {int(bright.sum())} pixels.\n<b>Margin</b>: circumscribed.\n")


def number_of(bright: Bright) -> Measurement:
    return Measurement("bright_area", float(bright.sum()), "px2")


def embedding_of(bright: Bright) -> Embedding:
    return Embedding("embedding", np.array([0.6, 0.8], dtype=np.float32), (KnownImage("SET image_1", "breast", 0.87),))


KINDS: dict[str, Callable[[Bright], Output]] = {
    "mask": mask_of,
    "boxes": boxes_of,
    "points": points_of,
    "scores": scores_of,
    "activation": activation_of,
    "picture": picture_of,
    "text": text_of,
    "number": number_of,
    "embedding": embedding_of,
}


class GiveOutputsd(Transform):
    """Logits (2, height, width), or (2, time, height, width) of a clip, to outputs of some kinds."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.kinds = kinds

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        dark, light = convert_to_numpy(data["pred"])
        bright = light > dark
        bright = bright.any(axis=0) if bright.ndim == 3 else bright
        return {**data, "outputs": tuple(KINDS[kind](bright) for kind in self.kinds)}


class Combine:
    """Outputs of the frames or clips of a whole to outputs of some kinds: those of its last part, or drawn anew."""

    def __init__(self, kinds: Sequence[str], size: Sequence[int]) -> None:
        self.kinds, self.size = kinds, size

    def __call__(self, parts: Sequence[Sequence[Output]]) -> tuple[Output, ...]:
        assert not [one for part in parts for one in part if isinstance(one, (Mask, ClassActivation, Picture))]
        bright = np.zeros(tuple(self.size), dtype=bool)
        bright[10:40, 20:60] = True
        return tuple(KINDS[kind](bright) for kind in self.kinds)


class FirstToLast:
    """From which frame to which a cine is seen, and how long that takes."""

    def __call__(
        self, parts: Sequence[Sequence[Output]], numbers: Sequence[int], times_ms: Sequence[float]
    ) -> tuple[Output, ...]:
        if len(parts) < 2:
            raise NoHeartBeat("has 1 frame; needed two. Record more.")
        lasts = times_ms[-1] - times_ms[0] if times_ms else np.nan
        places = [Measurement(name, numbers[place], "frame") for name, place in (("first", 0), ("last", -1))]
        return (*places, Measurement("lasts", lasts, "ms"))


class MeanScore:
    """The mean of the probabilities of all parts."""

    def __call__(self, parts: Sequence[Sequence[Output]]) -> tuple[Output, ...]:
        scores = [one for part in parts for one in part if isinstance(one, Scores)]
        means = {name: float(np.mean([one.probabilities[name] for one in scores])) for name in scores[0].probabilities}
        return (Scores(scores[0].name, means, scores[0].operating_point), Measurement("parts", len(parts), "count"))


def write_output_bundle(
    folder: Path,
    kinds: Sequence[str],
    *,
    clip: dict[str, Any] | None = None,
    cine: dict[str, Any] | None = None,
    study: dict[str, Any] | None = None,
    over_time: dict[str, Any] | None = None,
    batch_size: int = 1,
    smoothed_frames: int = 1,
) -> Path:
    """Write a bundle that gives outputs of some kinds; of frames, or of clips."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    torch.save(BrightNetwork().state_dict(), folder / "models" / "model.pt")
    metadata = {"bundle_name": "_".join(kinds), "version": "0.1.0", "name": "Bright things", "intended_use": "Tests."}
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    scale = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255, "b_min": 0, "b_max": 1}
    config = {
        "bundle_root": "", "dataset_dir": "", "output_dir": "", "overwrite": False, "dicom": False, "device": "cpu",
        "weights": "$@bundle_root + '/models/model.pt'",
        "network": {"_target_": "echocare_core.engines.load_engine", "weights": "@weights", "engine": "torch",
                    "network": {"_target_": "bright_network.BrightNetwork"}, "device": "$torch.device(@device)",
                    "engine_file": None, "precision": "float32"},
        "smoothed_frames": smoothed_frames,
        "preprocessing": {"_target_": "echocare_core.transforms.ComposeWithNeighbours", "frames": "@smoothed_frames",
                          "key": "image", "transforms": [
            {"_target_": "echocare_core.transforms.LoadUltrasoundd", "keys": "image"}, scale]},
        "dataset": {"_target_": "echocare_core.transforms.ExportDataset", "path": "@dataset_dir",
                    "transform": "@preprocessing", "clip": clip},
        "evaluator": {
            "_target_": "echocare_core.training.build_predictor", "device": "$torch.device(@device)",
            "network": "@network", "dataset": "@dataset", "batch_size": batch_size,
            "inferer": {"_target_": "SimpleInferer"},
            "postprocessing": {"_target_": "output_bundle.GiveOutputsd", "kinds": list(kinds)},
            "handlers": [{"_target_": "echocare_core.results.handler.WriteResults", "output_dir": "@output_dir",
                          "dataset": "@dataset", "bundle_root": "@bundle_root", "weights": "@weights",
                          "overwrite": "@overwrite", "dicom": "@dicom", "cine": cine, "study": study,
                          "over_time": over_time}],
        },
        "run": ["$@evaluator.run()"],
    }  # fmt: skip
    (folder / "configs" / "inference.json").write_text(json.dumps(config))
    return folder
