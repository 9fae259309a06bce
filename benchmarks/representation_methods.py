"""What is compared: the recipes, each as stages and settings, and the mix of data sets that they are trained on."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from representation_distillation import Distillation
from representation_masks import STRUCTURES, MaskTraining
from representation_networks import OURS

from echocare_core.models import EMBEDDED

BATCH = 64  # images
PUBLISHED_VIEWS = {  # SimCLR (Chen et al., ICML 2020): crops of 8 % of the area or more, brightness, blur
    **{"area": 0.08, "aspect": 1.78, "rotation_degrees": 0.0, "flip": 0.5},
    **{"gamma": 1.8, "gain": 0.4, "depth_gain": 0.0, "speckle": 0.0, "blur": 0.5},
}
MASKED_VIEWS = {  # SimMIM (Xie et al., CVPR 2022): crops of two thirds of the area or more
    **{"area": 0.67, "aspect": 1.33, "rotation_degrees": 0.0, "flip": 0.5},
    **{"gamma": 1.0, "gain": 0.0, "depth_gain": 0.0, "speckle": 0.0, "blur": 0.0},
}
MIX = [  # name, folder of the data, organ, weight (the root of the number of images); no MMOTU, nothing non-commercial
    ("BUS-BRA", "bus_bra", "breast", 34),
    ("BUSI", "busi", "breast", 21),
    ("BrEaST", "breast_usg", "breast", 12),
    ("HC18", "hc18", "fetal head", 31),
    ("CCAUI", "ccaui_carotid", "carotid artery", 14),
    ("AUL", "aul_liver", "liver", 20),
    ("Gallbladder", "gallbladder", "gallbladder", 40),
    ("DLTrack", "dltrack_muscle", "lower leg muscle", 14),
    ("TimTrack", "timtrack_muscle", "lower leg muscle", 18),
]


@dataclass(frozen=True)
class Method:
    """A recipe.

    Attributes:
        stages: entries of `Stage` without `steps`; `share` is the stage's part of the seconds.
        level_weights: of the contrast: region, organ, view, group, image.
        views: strength of the views, but for the stages' `area`.
        decoder: of the pixels.
        sector_only: whether masks keep to the scan sector.
    """

    stages: list[dict[str, Any]]
    level_weights: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0, 1.0])
    views: dict[str, float] = field(default_factory=lambda: PUBLISHED_VIEWS)
    decoder: str | None = "pyramid"
    sector_only: bool = True

    @property
    def labels_pixels(self) -> bool:
        """Whether it learns from masks."""
        return any(np.max(stage.get("pixels", 0)) > 0 for stage in self.stages)


def _stage(share: float, size: int, views: list[str], **entries: Any) -> dict[str, Any]:
    base = {"name": f"{size} px", "share": share, "batch_size": BATCH, "image_size": size, "views": views}
    return {**base, "reconstruction": 0.0, **entries}


TWO, WITH_MASKED = ["plain", "plain"], ["masked", "plain"]
LEVELS = [0.0, 0.02, 0.0, 0.1, 1.0]
TERMS = {"hierarchy": 0.1, "contrast": 1.0, "places": 0.5, "pixels": 20.0}
MINING = {"ranking": 0.1, "hard_share": [0.0, 0.5]}


def _full(**without: Any) -> list[dict[str, Any]]:
    """Reconstruction alone at low resolution, then with hard patches and contrast, then contrast of smaller crops.

    `without` replaces entries of all stages.
    """
    stages = [
        _stage(0.05, 64, ["masked"], reconstruction=1.0, area=0.6),
        _stage(0.15, 96, WITH_MASKED, **TERMS, reconstruction=[1.0, 0.1], **MINING, area=0.6),
        *_contrast_alone(0.8),
    ]
    return [{**stage, **{key: value for key, value in without.items() if key in stage}} for stage in stages]


def _contrast_alone(share: float, **without: Any) -> list[dict[str, Any]]:
    terms = {**TERMS, **without}
    return [
        _stage(0.7 * share, 96, TWO, **terms, area=[0.6, 0.08]),
        _stage(0.3 * share, 96, TWO, **terms, area=0.08),
    ]


@dataclass(frozen=True)
class Scratch:
    """Random weights.

    Attributes:
        network: of `representation_networks`.
    """

    network: str = OURS


Recipe = Method | Distillation | MaskTraining | Scratch | Path  # a path: weights as they are, see `start_from`
METHODS: dict[str, Recipe] = {
    "random initialisation": Scratch(),
    "embedded encoder": EMBEDDED,
    "SimMIM": Method(
        [_stage(1, 96, ["masked"], reconstruction=1.0)], views=MASKED_VIEWS, decoder="ladder", sector_only=False
    ),
    "SimMIM, packed": Method(  # one patch of four is encoded, on a packed grid
        [_stage(1, 96, ["packed"], reconstruction=1.0)], views=MASKED_VIEWS, decoder="ladder", sector_only=False
    ),
    "SimCLR": Method([_stage(1, 96, TWO, contrast=1.0)], views=PUBLISHED_VIEWS, decoder=None),
    "released recipe": Method(
        [_stage(1, 96, ["masked"], reconstruction=1.0, hierarchy=1.0)],
        views=MASKED_VIEWS,
        decoder="ladder",
        sector_only=False,
    ),
    "full": Method(_full(), LEVELS),
    "full less masked modelling": Method(_contrast_alone(1.0), LEVELS),
    "structured contrast": Method(_contrast_alone(1.0, pixels=0.0), LEVELS),
    "full less hierarchical labels": Method(_full(hierarchy=0.0), [0.0, 0.0, 0.0, 0.1, 1.0]),
    "full less contrast of organs and patients": Method(_full()),
    "full less contrast of places": Method(_full(places=0.0), LEVELS),
    "full less contrast": Method(
        [
            _stage(0.05, 64, ["masked"], reconstruction=1.0, area=0.6),
            _stage(0.95, 96, ["masked"], hierarchy=0.1, reconstruction=1.0, **MINING, area=0.6),
        ],
        LEVELS,
    ),
    "full less mining": Method(_full(ranking=0.0, hard_share=0.0), LEVELS),
    "full less stages": Method([_stage(1, 96, WITH_MASKED, **TERMS, reconstruction=0.5, **MINING)], LEVELS),
    "contrast and labels of pixels": Method([_stage(1, 96, TWO, contrast=1.0, pixels=1.0)], decoder=None),
    "contrast, then labels of pixels": Method(
        [_stage(0.5, 96, TWO, contrast=1.0), _stage(0.5, 96, ["plain"], pixels=1.0, area=0.4)], decoder=None
    ),
    "self-distillation": Distillation(),
    "masks alone": MaskTraining(),
    "contrast, then masks": MaskTraining(from_contrast=True),
    "MONAI UNet": Scratch("MONAI UNet"),
    "MONAI UNet, masks alone": MaskTraining("MONAI UNet"),
    "DynUNet": Scratch("DynUNet"),
    "SwinUNETR": Scratch("SwinUNETR"),
}
MAIN = (  # compared unless others are named
    *("random initialisation", "SimCLR", "SimMIM", "released recipe", "structured contrast"),
    *("self-distillation", "masks alone"),
    *("contrast and labels of pixels", "contrast, then labels of pixels"),
    *("MONAI UNet", "MONAI UNet, masks alone", "DynUNet", "SwinUNETR"),
)


def prepare_mix(data: Path, work: Path) -> Path:
    """Write the mix of the permissive training parts; gallbladder crops become a folder of pictures.

    Args:
        data: folder with the data sets' folders.
        work: for what is made.
    """
    pictures = work / "gallbladder"
    if not (pictures / "table.csv").is_file():
        write_gallbladder(data, pictures)
    mix = work / "mix.csv"
    lines = ["name,source,organ,weight,pixel_labels"]
    for name, folder, organ, weight in MIX:
        source = pictures if folder == "gallbladder" else (data / folder).resolve()
        labels = "; ".join(f"{value}={shown}" for value, shown in enumerate(STRUCTURES.get(folder, ()), start=1))
        lines.append(f"{name},{source.resolve()},{organ},{weight},{labels}")
    mix.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return mix


def write_gallbladder(data: Path, pictures: Path) -> None:
    """Write the crops of the gallbladder set, which are arrays, as pictures and a table."""
    (pictures / "images").mkdir(parents=True, exist_ok=True)
    with np.load(data / "gallbladder_ba" / "images.npz", allow_pickle=False) as crops:
        columns = [crops[name] for name in ("image", "patient", "split", "non_biliary_atresia")]
    rows, seen = [], dict[bytes, str]()
    for number, (pixels, patient, split, label) in enumerate(zip(*columns, strict=True)):
        if seen.setdefault(pixels.tobytes(), patient) != patient:
            continue  # seven crops stand under two patients
        Image.fromarray(pixels).save(pictures / "images" / f"{number:05d}.png")
        rows.append((f"images/{number:05d}.png", patient, split, label))
    with (pictures / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "group", "split", "non_biliary_atresia"), *rows])
