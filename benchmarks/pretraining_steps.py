"""Every variant of the pretraining step that `benchmarks/pretraining.py` times, and a clock for the parts of ours."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from pretraining_plain import MonaiEncoder, PlainStep, nt_xent, tree_loss
from rich.progress import track
from torch import Tensor, nn

from echocare_core.models import PROFILES, EchoCare
from echocare_core.pretraining import trainer
from echocare_core.pretraining.losses.contrast import hierarchical_contrast
from echocare_core.pretraining.losses.tree_min import tree_min_loss
from echocare_core.pretraining.networks import copy_teacher
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.pretraining.stages import Stages
from echocare_core.pretraining.trainer import PretrainingTrainer
from echocare_core.pretraining.views.augmentation import ViewSettings

PLAIN = "plain float32"
MINED = {"ranking": 0.1, "hard_share": 0.5}
OURS = {  # precision, the view with hidden patches, further entries of the stage
    "ours auto, masked": ("auto", "masked", {}),
    "ours float32, masked": ("float32", "masked", {}),
    "ours auto, packed": ("auto", "packed", {}),
    "ours float32, packed": ("float32", "packed", {}),
    "ours auto, masked and mined": ("auto", "masked", MINED),
}
TRAINING = (  # of the bundle
    *("seed", "picture_size", "learning_rate", "weight_decay", "warmup_steps", "clip_norm", "teacher_momentum"),
)
HEADS = ("decoder", "decoder_width", "projector_width", "place_width", "place_maps")
OBJECTIVE = ("views", "contrast", "temperature", "level_weights", "places_per_image", "target", "sector_only")
REST = "rest"  # of an iteration


class Clock:
    """Seconds of each part of a call, without those of the parts within it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self._within: list[float] = []

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, its time added to the part's."""

        def run(*arguments: Any, **named: Any) -> Any:
            """The call under the clock, also where it fails."""
            self._within.append(0.0)
            start = now(self.device)
            try:
                return call(*arguments, **named)
            finally:
                elapsed = now(self.device) - start
                self.seconds[part] = self.seconds.get(part, 0.0) + elapsed - self._within.pop()
                if self._within:
                    self._within[-1] += elapsed

        return run


class Steps:
    """Every variant of the step. Ours share one network and optimiser, the plain ones another.

    Args:
        encoder: name of a profile.
        image_size: side of the views in px.
        batch: of pictures.
        tree: of organs.
        settings: of the bundle: `TRAINING`, and `HEADS` and `OBJECTIVE` under "network_def" and "objective".
    """

    def __init__(
        self, encoder: str, image_size: int, batch: Mapping[str, Any], tree: OrganTree, settings: Mapping[str, Any]
    ) -> None:
        self.image_size, self.batch, self.tree, self.settings = image_size, batch, tree, settings
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(settings["seed"])
        self.network, self.peer = self._network(encoder), self._network(encoder)
        self.peer.encoder = MonaiEncoder(PROFILES[encoder])
        self.network.to(self.device)
        self.peer.to(self.device)
        self.teacher = copy_teacher(self.network)
        optimizer, other = self._optimizer(self.network), self._optimizer(self.peer)
        self.trainers = {name: self._trainer(optimizer, *variant) for name, variant in OURS.items()}
        self.runs: dict[str, Callable[[], Any]] = {
            PLAIN: partial(self._plain(other, torch.float32), batch),
            "plain bfloat16, autocast": partial(self._plain(other, torch.bfloat16), batch),
            **{name: partial(self._iteration, one) for name, one in self.trainers.items()},
        }

    def times(self, repeats: int) -> dict[str, list[float]]:
        """Seconds of each variant's step in each round; one before them is not counted."""
        times: dict[str, list[float]] = {name: [] for name in self.runs}
        for number in track(range(repeats + 1), "Steps", transient=True):
            for name, run in self.runs.items():
                start = now(self.device)
                run()
                if number:
                    times[name].append(now(self.device) - start)
        return times

    def parts(self, repeats: int) -> dict[str, dict[str, float]]:
        """Median seconds of each part of our steps."""
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in self.trainers}
        for _ in track(range(repeats), "Parts", transient=True):
            for name, one in self.trainers.items():
                clock = Clock(self.device)
                with self._watched(one, clock):
                    clock.timed(REST, self._iteration)(one)
                rounds[name].append(clock.seconds)
        return {
            name: {part: statistics.median(found[part] for found in all_found) for part in all_found[0]}
            for name, all_found in rounds.items()
        }

    def differences(self) -> dict[str, float]:
        """Relative differences of the plain losses from ours, for random outputs of a network."""
        ancestors, depth = torch.from_numpy(self.tree.ancestors), torch.from_numpy(self.tree.depth)
        nodes, images = self.batch["node"], len(self.batch["node"])
        logits, one, other = torch.randn(images, len(self.tree)), torch.randn(images, 128), torch.randn(images, 128)
        temperature, places = self.settings["objective"]["temperature"], torch.arange(images).repeat(2)[:, None]
        ours = {
            "tree": tree_min_loss(logits, nodes, ancestors, torch.from_numpy(self.tree.lines)),
            "contrast of two views": hierarchical_contrast(torch.cat([one, other]), places, temperature, torch.ones(1)),
        }
        plain = {
            "tree": tree_loss(logits, nodes, ancestors, depth),
            "contrast of two views": nt_xent(one, other, temperature),
        }
        return {name: float((plain[name] - ours[name]).abs() / ours[name]) for name in ours}

    def _network(self, encoder: str) -> EchoCare:
        return EchoCare(encoder, nodes=len(self.tree), **self.settings["network_def"])

    def _optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        rate, decay = self.settings["learning_rate"], self.settings["weight_decay"]
        return torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)

    def _stages(self, hiding: str, further: Mapping[str, float]) -> Stages:
        sizes = {"steps": 1, "batch_size": len(self.batch["node"]), "image_size": self.image_size}
        return Stages([{"name": "step", **sizes, "views": [hiding, "plain"], "hierarchy": 1, "contrast": 1, **further}])

    def _plain(self, optimizer: torch.optim.Optimizer, precision: torch.dtype) -> PlainStep:
        objective = self.settings["objective"]
        return PlainStep(
            self.peer,
            optimizer,
            self.tree,
            self._stages("masked", {}).stages[0],
            ViewSettings(**objective["views"]),
            temperature=objective["temperature"],
            clip_norm=self.settings["clip_norm"],
            precision=precision,
        )

    def _trainer(
        self, optimizer: torch.optim.Optimizer, precision: str, hiding: str, further: Mapping[str, float]
    ) -> PretrainingTrainer:
        one = PretrainingTrainer(
            device=self.device,
            network=self.network,
            objective=Objective(
                self.tree, seed=self.settings["seed"], precision=precision, **self.settings["objective"]
            ),
            stages=self._stages(hiding, further),
            optimizer=optimizer,
            data_loader=[self.batch],
            peak_learning_rate=self.settings["learning_rate"],
            warmup_steps=self.settings["warmup_steps"],
            accumulation_steps=1,
            clip_norm=self.settings["clip_norm"],
            momentum=self.settings["teacher_momentum"],
            teacher=self.teacher if further else None,
        )
        one.state.iteration = 1
        return one

    def _iteration(self, one: PretrainingTrainer) -> None:
        one._iteration(one, self.batch)

    @contextmanager
    def _watched(self, one: PretrainingTrainer, clock: Clock) -> Iterator[None]:
        """Every part of the trainer's iteration under the clock."""
        parts = [
            (one.objective, "_augment", "views and masks"),
            (one.objective, "_view", "views and masks"),
            (one.network, "forward", "heads"),
            (one.network.encoder, "forward", "encoder"),
            (one.network.decoder, "forward", "decoder"),
            (one, "objective", "losses"),
            (Tensor, "backward", "backward"),
            (nn.utils, "clip_grad_norm_", "clipping"),
            (one.optimizer, "step", "optimiser"),
        ]
        if one.teacher is not None:
            parts += [(one.teacher, "forward", "teacher"), (trainer, "update_ema", "teacher")]
        with ExitStack() as stack:
            for owner, name, part in parts:
                stack.enter_context(patch.object(owner, name, clock.timed(part, getattr(owner, name))))
            yield


def now(device: torch.device) -> float:
    """Seconds, when all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
