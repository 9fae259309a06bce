"""What is compared: the recipes, each as stages and settings, and a training of a given number of seconds for each."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.progress import track

from echocare_core.models import EMBEDDED, EchoCare, save_encoder
from echocare_core.pretraining.assembly import build_loader
from echocare_core.pretraining.data.images import PretrainingImages
from echocare_core.pretraining.data.mix import read_mix
from echocare_core.pretraining.networks import copy_teacher
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.pretraining.progress import Progress
from echocare_core.pretraining.resume import ExactCheckpoints
from echocare_core.pretraining.stages import RAMPS, Stages
from echocare_core.pretraining.trainer import PretrainingTrainer

REPOSITORY = Path(__file__).resolve().parents[1]
TREE = REPOSITORY / "data_manifests" / "organ_tree.yaml"
PICTURE, BATCH, PROJECTOR, DECODER, PLACE_WIDTH = 160, 64, 128, 64, 64  # px, images, channels
PEAK, WEIGHT_DECAY, WARMUP_SHARE = 1e-3, 0.05, 0.05
PLACES = 6  # per image
STEPS_TIMED, ROUNDS = 5, 5
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


def _stage(share: float, size: int, views: list[str], **entries: Any) -> dict[str, Any]:
    base = {"name": f"{size} px", "share": share, "batch_size": BATCH, "image_size": size, "views": views}
    return {**base, "reconstruction": 0.0, **entries}


TWO, WITH_MASKED = ["plain", "plain"], ["masked", "plain"]
LEVELS = [0.0, 0.02, 0.0, 0.1, 1.0]
TERMS = {"hierarchy": 0.1, "contrast": 1.0, "places": 0.5}
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


def _contrast_alone(share: float) -> list[dict[str, Any]]:
    return [
        _stage(0.7 * share, 96, TWO, **TERMS, area=[0.6, 0.08]),
        _stage(0.3 * share, 96, TWO, **TERMS, area=0.08),
    ]


METHODS: dict[str, Method | Path | None] = {  # a path: weights as they are
    "random initialisation": None,
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
}


def prepare_mix(data: Path, work: Path) -> Path:
    """Write the mix of the permissive training parts; gallbladder crops become a folder of pictures.

    Args:
        data: folder with the data sets' folders.
        work: for what is made.
    """
    pictures = work / "gallbladder"
    if not (pictures / "table.csv").is_file():
        (pictures / "images").mkdir(parents=True, exist_ok=True)
        with np.load(data / "gallbladder_ba" / "images.npz", allow_pickle=False) as crops:
            columns = [crops[name] for name in ("image", "patient", "split", "non_biliary_atresia")]
        rows = []
        for number, (pixels, patient, split, label) in enumerate(zip(*columns, strict=True)):
            Image.fromarray(pixels).save(pictures / "images" / f"{number:05d}.png")
            rows.append((f"images/{number:05d}.png", patient, split, label))
        with (pictures / "table.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("image", "group", "split", "non_biliary_atresia"), *rows])
    mix = work / "mix.csv"
    lines = ["name,source,organ,weight"]
    for name, folder, organ, weight in MIX:
        source = pictures if folder == "gallbladder" else (data / folder).resolve()
        lines.append(f"{name},{source.resolve()},{organ},{weight}")
    mix.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return mix


class Trainings:
    """Trains recipes on one mix, whose pictures are decoded once.

    Args:
        mix: the mix file.
        encoder: profile.
        work: for checkpoints and encoders.
        device: to train on.
    """

    def __init__(self, mix: Path, encoder: str, work: Path, device: torch.device) -> None:
        self.tree = read_tree(TREE)
        self.mix = read_mix(mix, self.tree)
        self.images = PretrainingImages(self.mix, PICTURE, cache=True)
        self.encoder, self.work, self.device = encoder, work, device

    def seconds_per_step(self, methods: Mapping[str, Method]) -> dict[str, list[float]]:
        """Least processor time of a step in each stage of each method, of a few steps in several rounds over all."""
        least: dict[str, float] = {}
        different = {
            _cost_key(method, stage): (method, stage) for method in methods.values() for stage in method.stages
        }
        for _ in track(range(ROUNDS), description="Timing steps"):
            for key, (method, stage) in different.items():
                ends = {ramp: float(np.max(stage[ramp])) for ramp in RAMPS if ramp in stage}
                clock = _Clock()
                self._trainer(replace(method, stages=[{**stage, **ends}]), 0, [STEPS_TIMED], None, [clock]).run()
                least[key] = min(least.get(key, math.inf), clock.least)
        return {name: [least[_cost_key(method, stage)] for stage in method.stages] for name, method in methods.items()}

    def train(self, name: str, method: Method, seed: int, steps: list[int]) -> Path:
        """Train one recipe, or go on with it; returns the encoder's file."""
        folder = self.work / "runs" / f"{name.replace(' ', '_').replace(',', '')}-{seed}"
        path = folder / "encoder.safetensors"
        if not path.is_file():
            trainer = self._trainer(method, seed, steps, folder, [Progress()])
            trainer.run()
            save_encoder(trainer.network.encoder, path)
        return path

    def _trainer(
        self, method: Method, seed: int, steps: list[int], folder: Path | None, handlers: list[Any]
    ) -> PretrainingTrainer:
        entries = [{key: value for key, value in stage.items() if key != "share"} for stage in method.stages]
        stages = Stages([{**stage, "steps": n} for stage, n in zip(entries, steps, strict=True)])
        torch.manual_seed(seed)
        hierarchical = any("hierarchy" in stage.terms for stage in stages.stages)
        contrasted = any("contrast" in stage.terms for stage in stages.stages)
        network = EchoCare(
            self.encoder,
            nodes=len(self.tree) if hierarchical else 0,
            decoder=method.decoder if any("reconstruction" in stage.terms for stage in stages.stages) else None,
            decoder_width=DECODER,
            projector_width=PROJECTOR if contrasted else 0,
            place_width=PLACE_WIDTH if any("places" in stage.terms for stage in stages.stages) else 0,
        ).to(self.device)
        teacher = copy_teacher(network) if stages.mines else None
        optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK, weight_decay=WEIGHT_DECAY)
        objective = Objective(
            self.tree, seed=seed, views=method.views, contrast="hierarchical", temperature=0.1,
            level_weights=method.level_weights, places_per_image=PLACES, target="pixels",
            sector_only=method.sector_only, precision="auto",
        )  # fmt: skip
        if folder is not None:
            handlers = [ExactCheckpoints(str(folder), every=100), *handlers]
        return PretrainingTrainer(
            device=self.device, network=network, objective=objective, stages=stages, optimizer=optimizer,
            data_loader=build_loader(self.images, stages=stages, seed=seed, workers=0, device=self.device),
            peak_learning_rate=PEAK, warmup_steps=max(1, round(WARMUP_SHARE * len(stages))), accumulation_steps=1,
            clip_norm=1.0, teacher=teacher, momentum=(0.99, 0.999), handlers=handlers,
        )  # fmt: skip


def _cost_key(method: Method, stage: Mapping[str, Any]) -> str:
    """Equal for stages that do the same work."""
    weighted = {name: bool(np.max(stage.get(name, 0))) for name in RAMPS}
    sizes = [stage[name] for name in ("batch_size", "image_size", "views")]
    return str((method.decoder, method.sector_only, method.views["blur"], sizes, weighted))


class _Clock:
    """Ignite handler: the least processor time of a step but the first."""

    def __init__(self) -> None:
        self.least, self.started = float("inf"), 0.0

    def attach(self, engine: Any) -> None:
        from ignite.engine import Events

        engine.add_event_handler(Events.ITERATION_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._stop)

    def _start(self, engine: Any) -> None:
        self.started = time.process_time()

    def _stop(self, engine: Any) -> None:
        if engine.state.iteration > 1:
            self.least = min(self.least, time.process_time() - self.started)
