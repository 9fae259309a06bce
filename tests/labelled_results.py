"""Results with labels beside them, made without a network: a bundle's folder, an export, its results, a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from ultrasound_files import write_ultrasound

from echocare_core.frames import read_export
from echocare_core.results import ResultsWriter
from echocare_core.types import (
    Boxes,
    BundleCard,
    ClassActivation,
    Level,
    Mask,
    Measurement,
    OperatingPoint,
    Output,
    Points,
    Prediction,
    Scores,
    SetAside,
    Text,
)

HEIGHT, WIDTH = 48, 64
NAME = "made_up"
Written = tuple[str, int | None, Level, Sequence[Output]]  # source, frame, level, outputs


def write_bundle(folder: Path, channels: Mapping[str, str] | None = None) -> Path:
    """The folder of a bundle that says what it is and cannot run."""
    (folder / "configs").mkdir(parents=True)
    outputs = {"pred": {"channel_def": {"0": "background", **(channels or {"1": "nodule"})}}}
    metadata = {
        **{"bundle_name": NAME, "version": "0.1.0", "name": "Made up", "intended_use": "Tests."},
        "network_data_format": {"outputs": outputs},
    }
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder


def write_export(folder: Path, files: Mapping[str, Mapping[str, Any]], frames: int = 1) -> Path:
    """DICOM files of speckle by name, with attributes such as PatientID."""
    for number, (name, attributes) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(20, 90, (frames, HEIGHT, WIDTH, 3), dtype=np.uint8)
        write_ultrasound(path, pixels, attributes=attributes)
    return folder


def write_results(
    out: Path,
    export: Path,
    written: Sequence[Written],
    *,
    set_aside: Sequence[SetAside] = (),
    weights: str = "a" * 64,
    spacing_mm: tuple[float, float] | None = None,
) -> Path:
    """The results folder of a run that says this of the files of an export."""
    read = read_export(export)
    keys = {read.source_of(one): read.keys_of(one) for one in read.files}
    with ResultsWriter(out, BundleCard(NAME, "0.1.0", "Made up", "Tests.", weights)) as writer:
        for source, frame, level, outputs in written:
            image = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
            writer.add(
                Prediction(source, tuple(outputs), level, frame, image, spacing_mm=spacing_mm, keys=keys[source])
            )
        writer.finish(set_aside)
    return out


def write_labels(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A table of labels."""
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def square(top: int = 10, left: int = 10, side: int = 20) -> np.ndarray:
    """A mask (height, width) with a square of ones."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


def write_mask(path: Path, mask: np.ndarray) -> str:
    """A drawn mask; returns its name."""
    Image.fromarray(mask * 255).save(path)
    return path.name


def mask_of(values: np.ndarray) -> Mask:
    return Mask(values, {1: "nodule"})


def scores_of(malignant: float, name: str = "pathology", threshold: float | None = 0.4) -> Scores:
    point = None if threshold is None else OperatingPoint("malignant", threshold)
    return Scores(name, {"benign": 1 - malignant, "malignant": malignant}, point)


def activation_of(values: np.ndarray) -> ClassActivation:
    return ClassActivation("pathology", "malignant", values.astype(np.float32))


def length_of(value: float, unit: str = "mm") -> Measurement:
    return Measurement("length", value, unit)


def boxes_of(*corners: tuple[int, int, int, int], label: str = "nodule") -> Boxes:
    place = np.array(corners, dtype=float).reshape(-1, 4)
    return Boxes(place, (label,) * len(corners), (0.9,) * len(corners), ("nodule", "cyst"))


def points_of(*places: tuple[float, float]) -> Points:
    return Points(np.array(places, dtype=float), tuple(f"point_{number}" for number in range(len(places))))


def text_of(text: str) -> Text:
    return Text("report", text)
