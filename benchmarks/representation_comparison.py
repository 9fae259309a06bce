"""Every job of the comparison: what a step costs, the trainings, and what is measured of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import representation_distillation as distillation
import representation_masks as masks
import torch
from representation_distillation import Distillation
from representation_masks import STRUCTURES, MaskTraining, left_out
from representation_measures import FEW_DRAWS, MASK_RATE, PROBES, few_shot, finetune_masks, load, probe
from representation_methods import Method, Recipe, Scratch, prepare_mix
from representation_networks import OPPONENTS, OURS, build_network, start_from
from representation_queue import Found, Job
from representation_training import Trainings, sized, steps_within

MASKS = {"BUS-BRA": "bus_bra", "AUL": "aul_liver", "CCAUI": "ccaui_carotid", "HC18": "hc18"}
COUNTS = (16, 64, None)  # pictures with labels; None for all
STEPS, STEPS_OF_ALL = 250, 600
UNET = "MONAI UNet"  # whose time is everybody's where times are equal
MIX = "mix"  # the job that makes it
SET, ORGAN = "without the set", "without the organ"  # what an encoder has seen masks of


@dataclass(frozen=True)
class Setting:
    """What the results depend on, besides the recipes.

    Attributes:
        data: folder with the data sets' folders.
        work: folder for all that is made.
        encoder: profile.
        seconds: of the device, for each training.
        side, batch: of the views in px, and images of a step, of each training.
        device: to train and measure on.
    """

    data: Path
    work: Path
    encoder: str
    seconds: float
    side: int
    batch: int
    device: torch.device


class Comparison:
    """The jobs of some recipes.

    Args:
        setting: what the results depend on.
        recipes: by name.
    """

    def __init__(self, setting: Setting, recipes: Mapping[str, Recipe]) -> None:
        self.setting = setting
        side, batch = setting.side, setting.batch
        self.recipes = {
            name: sized(recipe, side, batch)
            if isinstance(recipe, Method)
            else replace(recipe, global_px=side, batch_size=batch)
            if isinstance(recipe, Distillation)
            else recipe
            for name, recipe in recipes.items()
        }

    def jobs(self, seeds: int) -> list[Job]:
        """All of them, the first seed's of every recipe before the next one's."""
        trained = [name for name in self.recipes if self._is_trained(name)]
        jobs = [self._job(MIX, self._prepare)]
        jobs += [self._job(f"cost/{name}", partial(self._cost, name), *self._mix(name)) for name in trained]
        jobs += [
            self._job(f"cost of a network/{name}", partial(self._network_cost, name)) for name in (OURS, *OPPONENTS)
        ]
        for seed in range(seeds):
            for name in self.recipes:
                jobs += [*self._trainings(name, seed), *self._probes(name, seed), *self._masks(name, seed)]
        return jobs

    def _trainings(self, name: str, seed: int) -> Iterator[Job]:
        if self._is_trained(name):
            for folders in self._variants(name):
                run = partial(self._train, name, seed, folders)
                yield self._job(_training(name, seed, folders), run, f"cost/{name}", *self._mix(name))

    def _probes(self, name: str, seed: int) -> Iterator[Job]:
        if self._network(name) != OURS:
            return
        for task, (folder, _) in PROBES.items():
            without = left_out(folder, whole_organ=True) if self._sees_masks(name) and folder in STRUCTURES else ()
            needs = [_training(name, seed, without)] if self._is_trained(name) else []
            needs += [MIX] if folder == "gallbladder" else []
            yield self._job(f"probe/{name}/{seed}/{task}", partial(self._probe, name, seed, task, without), *needs)
            for count in COUNTS[:2] if task != "gallbladder" else ():
                run = partial(self._few, name, seed, task, count, without)
                yield self._job(f"classes/{name}/{seed}/{task}/{count}", run, *needs)

    def _masks(self, name: str, seed: int) -> Iterator[Job]:
        for task, folder in MASKS.items():
            for withheld in (SET, ORGAN) if self._sees_masks(name) else (SET,):
                without = left_out(folder, whole_organ=withheld == ORGAN) if self._sees_masks(name) else ()
                if withheld == ORGAN and without == left_out(folder, whole_organ=False):
                    continue
                needs = [_training(name, seed, without)] if self._is_trained(name) else []
                for count in COUNTS:
                    place = f"masks/{name}/{seed}/{task}/{count or 'all'}/{withheld}"
                    run = partial(self._segment, name, seed, task, count, without)
                    yield self._job(f"{place}/equal steps", partial(run, None), *needs)
                    if self._network(name) != UNET:
                        costs = [f"cost of a network/{network}" for network in (self._network(name), UNET)]
                        yield self._job(f"{place}/equal time", partial(run, costs), *needs, *costs)

    def _job(self, name: str, run: Any, *needs: str) -> Job:
        return Job(name, lambda found: {**run(found), "device": self.setting.device.type}, needs)

    def _mix(self, name: str) -> tuple[str, ...]:
        return () if isinstance(self.recipes[name], MaskTraining) else (MIX,)

    def _prepare(self, _: Mapping[str, Found]) -> Found:
        return {"mix": prepare_mix(self.setting.data, self.setting.work).name}

    def _cost(self, name: str, _: Mapping[str, Found]) -> Found:
        recipe, device = self.recipes[name], self.setting.device
        if isinstance(recipe, MaskTraining):
            labels = len(masks.NAMES)
            return {"seconds per step": [masks.seconds_per_step(recipe.network, self.setting.encoder, labels, device)]}
        if isinstance(recipe, Distillation):
            images = self.trainings.images
            return {"seconds per step": [distillation.seconds_per_step(images, self.setting.encoder, recipe, device)]}
        assert isinstance(recipe, Method)
        return {"seconds per step": self.trainings.seconds_per_step(recipe)}

    def _network_cost(self, name: str, _: Mapping[str, Found]) -> Found:
        return {"seconds per step": masks.seconds_per_step(name, self.setting.encoder, 2, self.setting.device)}

    def _train(self, name: str, seed: int, without: Sequence[str], found: Mapping[str, Found]) -> Found:
        recipe, setting, cost = self.recipes[name], self.setting, found[f"cost/{name}"]
        if cost["device"] != setting.device.type:
            raise ValueError(f"{name} was timed on {cost['device']}; needed {setting.device.type}, to train there.")
        folder = self._folder(name, seed, without)
        costs = cost["seconds per step"]
        if isinstance(recipe, Method):
            steps = steps_within(recipe, costs, setting.seconds)
            self.trainings.train(recipe, seed, steps, folder)
            return {"steps": steps}
        count = max(1, round(setting.seconds / costs[0]))
        if isinstance(recipe, Distillation):
            distillation.train(
                self.trainings.images, setting.encoder, recipe,
                seed=seed, steps=count, device=setting.device, folder=folder,
            )  # fmt: skip
        else:
            assert isinstance(recipe, MaskTraining)
            plan = masks.Plan(count, MASK_RATE, seed)
            masks.train(recipe, setting.encoder, setting.data, without, plan, setting.device, folder)
        return {"steps": [count]}

    def _probe(self, name: str, seed: int, task: str, without: Sequence[str], _: Mapping[str, Found]) -> Found:
        folder, column = PROBES[task]
        return probe(self._encoder(name, seed, without), self._data(folder), column, self.setting.device)

    def _few(
        self, name: str, seed: int, task: str, count: int, without: Sequence[str], _: Mapping[str, Found]
    ) -> Found:
        folder, column = PROBES[task]
        draws = [
            few_shot(self._encoder(name, seed, without), self._data(folder), column, count, draw, self.setting.device)
            for draw in range(FEW_DRAWS)
        ]
        return {"auc": sum(draw["auc"] for draw in draws) / FEW_DRAWS, "draws": draws}

    def _segment(
        self, name: str, seed: int, task: str, count: int | None, without: Sequence[str], costs: Sequence[str] | None,
        found: Mapping[str, Found],
    ) -> Found:  # fmt: skip
        steps = STEPS_OF_ALL if count is None else STEPS
        if costs:
            own, peer = (found[cost]["seconds per step"] for cost in costs)
            steps = max(1, round(steps * peer / own))
        labels = len(STRUCTURES[MASKS[task]])
        network = build_network(self._network(name), self.setting.encoder, labels + 1, seed)
        if (folder := self._weights(name, seed, without)) is not None:
            start_from(network, folder)
        return finetune_masks(network, self._data(MASKS[task]), labels, count, steps, seed, self.setting.device)

    @cached_property
    def trainings(self) -> Trainings:
        """Made once they are asked for: they hold every picture of the mix."""
        return Trainings(self.setting.work / "mix.csv", self.setting.encoder, self.setting.device)

    def _encoder(self, name: str, seed: int, without: Sequence[str]) -> Any:
        folder = self._weights(name, seed, without)
        return load(None if folder is None else folder / "encoder.safetensors", self.setting.encoder, seed)

    def _weights(self, name: str, seed: int, without: Sequence[str]) -> Path | None:
        """Folder with what a recipe's network starts from."""
        recipe = self.recipes[name]
        if isinstance(recipe, Path):
            return recipe
        return self._folder(name, seed, without) if self._is_trained(name) else None

    def _folder(self, name: str, seed: int, without: Sequence[str]) -> Path:
        return self.setting.work / "runs" / Path(_training(name, seed, without)).relative_to("train")

    def _data(self, folder: str) -> Path:
        return (self.setting.work if folder == "gallbladder" else self.setting.data) / folder

    def _is_trained(self, name: str) -> bool:
        return isinstance(self.recipes[name], Method | Distillation | MaskTraining)

    def _sees_masks(self, name: str) -> bool:
        return isinstance(self.recipes[name], MaskTraining)

    def _network(self, name: str) -> str:
        recipe = self.recipes[name]
        return recipe.network if isinstance(recipe, Scratch | MaskTraining) else OURS

    def _variants(self, name: str) -> list[tuple[str, ...]]:
        """The data sets without whose masks a recipe is trained, once for each test."""
        if not self._sees_masks(name):
            return [()]
        tested = [*MASKS.values(), *(folder for folder, _ in PROBES.values() if folder in STRUCTURES)]
        return list(dict.fromkeys([(), *(left_out(folder, whole) for folder in tested for whole in (False, True))]))


def _training(name: str, seed: int, without: Sequence[str]) -> str:
    """Name of the job of a training."""
    return f"train/{name}/{seed}/{'without ' + ' '.join(without) if without else 'all'}"
