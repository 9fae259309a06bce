"""Trains recipes on one mix for the same time each: what a step takes is measured first, and gives their steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from representation_finetuning import now
from representation_methods import MIX, Method
from representation_networks import DECODER_WIDTHS
from representation_store import DeviceBatches, StoredImages, write_store

from echocare_core.models import EchoCare, save_encoder, save_segmentation_decoder
from echocare_core.pretraining.assembly import DECODER_FILE, ENCODER_FILE, order_mix
from echocare_core.pretraining.data.images import PretrainingImages
from echocare_core.pretraining.data.mix import read_mix
from echocare_core.pretraining.data.sampler import StreamSampler
from echocare_core.pretraining.networks import copy_teacher
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.tree import read_tree
from echocare_core.pretraining.progress import Progress
from echocare_core.pretraining.resume import ExactCheckpoints
from echocare_core.pretraining.stages import RAMPS, Stages
from echocare_core.pretraining.trainer import PretrainingTrainer

REPOSITORY = Path(__file__).resolve().parents[1]
TREE = REPOSITORY / "data_manifests" / "organ_tree.yaml"
PICTURE, PROJECTOR, DECODER, PLACE_WIDTH = 160, 128, 64, 64  # px, channels
PEAK, WEIGHT_DECAY, WARMUP_SHARE = 1e-3, 0.05, 0.05
PLACES = 6  # per image
STEPS_TIMED, ROUNDS, EVERY = 5, 3, 100


def decode_mix(mix: Path, store: Path) -> int:
    """Decode the pictures of a mix for `Trainings`; returns how many there are."""
    workers = torch.get_num_threads() if torch.get_num_threads() > 1 else 0
    return write_store(PretrainingImages(read_mix(mix, read_tree(TREE)), PICTURE), store, workers)


class Trainings:
    """Trains recipes on one mix.

    Args:
        mix: the mix file.
        store: its pictures (`decode_mix`).
        encoder: profile.
        device: to train on.
    """

    def __init__(self, mix: Path, store: Path, encoder: str, device: torch.device) -> None:
        self.tree = read_tree(TREE)
        self.images = StoredImages(read_mix(mix, self.tree), PICTURE, store)
        self.encoder, self.device = encoder, device
        self.on_device = self.images.planes.to(device), self.images.numbers.to(device)

    def seconds_per_step(self, method: Method) -> list[float]:
        """Least time of a step in each stage, of a few in several rounds; see `now`."""
        least: dict[str, float] = {}
        for _ in range(ROUNDS):
            for stage in {_cost_key(stage): stage for stage in method.stages}.values():
                ends = {ramp: float(np.max(stage[ramp])) for ramp in RAMPS if ramp in stage}
                clock = _Clock(self.device)
                one = replace(method, stages=[{**stage, **ends}])
                self._trainer(one, 0, [STEPS_TIMED], (), [clock]).run()
                least[_cost_key(stage)] = min(least.get(_cost_key(stage), math.inf), clock.least)
        return [least[_cost_key(stage)] for stage in method.stages]

    def train(self, method: Method, seed: int, steps: Sequence[int], without: Sequence[str], folder: Path) -> Path:
        """Train a recipe, or go on with it.

        Args:
            method: the recipe.
            seed: of weights, order and views.
            steps: of each stage.
            without: folders of the data sets whose masks are not seen.
            folder: for the checkpoint, the encoder and, where pixels are labelled, the decoder.
        """
        handlers = [ExactCheckpoints(str(folder), every=EVERY), Progress()]
        trainer = self._trainer(method, seed, steps, without, handlers)
        trainer.run()
        save_encoder(trainer.network.encoder, folder / ENCODER_FILE)
        if trainer.network.segmentation_decoder is not None:
            save_segmentation_decoder(trainer.network.segmentation_decoder, folder / DECODER_FILE)
        return folder

    def _trainer(
        self, method: Method, seed: int, steps: Sequence[int], without: Sequence[str], handlers: list[Any]
    ) -> PretrainingTrainer:
        entries = [{key: value for key, value in stage.items() if key != "share"} for stage in method.stages]
        stages = Stages([{**stage, "steps": n} for stage, n in zip(entries, steps, strict=True)])
        torch.manual_seed(seed)
        terms = {term for stage in stages.stages for term in stage.terms}
        network = EchoCare(
            self.encoder,
            nodes=len(self.tree) if "hierarchy" in terms else 0,
            decoder=method.decoder if "reconstruction" in terms else None,
            decoder_width=DECODER,
            projector_width=PROJECTOR if "contrast" in terms else 0,
            place_width=PLACE_WIDTH if "places" in terms else 0,
            pixel_channels=len(self.images.mix.pixel_tree) if "pixels" in terms else 0,
            pixel_width=DECODER_WIDTHS["width"],
            pixel_width_limit=DECODER_WIDTHS["width_limit"],
        ).to(self.device)
        teacher = copy_teacher(network) if stages.need_teacher else None
        optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK, weight_decay=WEIGHT_DECAY)
        objective = Objective(
            self.tree, pixel_tree=self.images.mix.pixel_tree, seed=seed, views=method.views, contrast="hierarchical",
            temperature=0.1, level_weights=method.level_weights, places_per_image=PLACES, target="pixels",
            sector_only=method.sector_only, precision="auto",
        )  # fmt: skip
        names = {name for name, folder, _, _ in MIX if folder in without}
        unlabelled = [number for number, source in enumerate(self.images.mix.sources) if source.name in names]
        sampler = StreamSampler(order_mix(self.images.mix, seed), stages.batches)
        batches = DeviceBatches(self.images, self.on_device, sampler, unlabelled)
        return PretrainingTrainer(
            device=self.device, network=network, objective=objective, stages=stages, optimizer=optimizer,
            data_loader=batches, peak_learning_rate=PEAK,
            warmup_steps=max(1, round(WARMUP_SHARE * len(stages))), accumulation_steps=1, clip_norm=1.0,
            teacher=teacher, momentum=(0.99, 0.999), handlers=handlers,
        )  # fmt: skip


def sized(method: Method, side: int, batch: int) -> Method:
    """The recipe with views of another side and other batches; stages of smaller views keep their ratio.

    Args:
        method: of 96 px.
        side: in px.
        batch: images.
    """
    largest = max(stage["image_size"] for stage in method.stages)
    sizes = [32 * max(1, round(stage["image_size"] * side / largest / 32)) for stage in method.stages]
    stages = [
        {**stage, "image_size": size, "batch_size": batch} for stage, size in zip(method.stages, sizes, strict=True)
    ]
    return replace(method, stages=stages)


def steps_within(method: Method, costs: Sequence[float], seconds: float) -> list[int]:
    """How many steps of each stage fit into its share of the seconds."""
    return [max(1, round(seconds * stage["share"] / cost)) for stage, cost in zip(method.stages, costs, strict=True)]


def _cost_key(stage: Mapping[str, Any]) -> str:
    """Equal for stages of a recipe that do the same work."""
    weighted = {name: bool(np.max(stage.get(name, 0))) for name in RAMPS if name != "area"}
    return str(([stage[name] for name in ("batch_size", "image_size", "views")], weighted))


class _Clock:
    """Ignite handler: the least time of a step but the first."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.least, self.started = device, math.inf, 0.0

    def attach(self, engine: Any) -> None:
        engine.add_event_handler(Events.ITERATION_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._stop)

    def _start(self, engine: Any) -> None:
        self.started = now(self.device)

    def _stop(self, engine: Any) -> None:
        if engine.state.iteration > 1:
            self.least = min(self.least, now(self.device) - self.started)
