"""What the jobs of the comparison do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import representation_distillation as distillation
import representation_masks as masks
import torch
from representation_distillation import Distillation
from representation_finetuning import Plan
from representation_masks import STRUCTURES, MaskTraining
from representation_measures import (
    CARRIED_RATE,
    ENCODER_FACTOR,
    FEW_DRAWS,
    MASK_RATE,
    PROBE_SIDE,
    PROBES,
    SIDE,
    START_SHARE,
    few_shot,
    load,
    probe,
    tune_masks,
)
from representation_methods import Method, Recipe, Scratch, prepare_mix
from representation_networks import OURS, ChosenScores, build_network, encoder_file, save_network, start_from
from representation_pictures import Kept, Pictures
from representation_queue import Found
from representation_training import Trainings, decode_mix, sized, steps_within

from echocare_core.models import Encoder

MASKS = {"BUS-BRA": "bus_bra", "AUL": "aul_liver", "CCAUI": "ccaui_carotid", "HC18": "hc18"}
STEPS, STEPS_OF_ALL = 250, 600


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
        contrast: encoder that trainings start from which begin with a contrast.
    """

    data: Path
    work: Path
    encoder: str
    seconds: float
    side: int
    batch: int
    device: torch.device
    contrast: Path = Path()


@dataclass(frozen=True)
class Training:
    """A training of a recipe.

    Attributes:
        recipe: its name.
        seed: of the training, and of what is measured of it.
        without: folders of the data sets whose masks it does not see.
    """

    recipe: str
    seed: int
    without: tuple[str, ...]

    @property
    def job(self) -> str:
        """Name of the job."""
        return f"train/{self.recipe}/{self.seed}/{'without ' + ' '.join(self.without) if self.without else 'all'}"


class Runs:
    """Trains and measures recipes.

    Args:
        setting: what the results depend on.
        recipes: by name; those of pretraining get views and batches of the setting.
    """

    def __init__(self, setting: Setting, recipes: Mapping[str, Recipe]) -> None:
        self.setting = setting
        self.recipes = {name: _fitted(recipe, setting) for name, recipe in recipes.items()}

    def is_trained(self, name: str) -> bool:
        """Whether a recipe has a training before the fine-tuning."""
        return isinstance(self.recipes[name], Method | Distillation | MaskTraining)

    def sees_masks(self, name: str) -> bool:
        """Whether that training has masks."""
        recipe = self.recipes[name]
        return isinstance(recipe, MaskTraining) or (isinstance(recipe, Method) and recipe.labels_pixels)

    def knows_structures(self, name: str, folder: str, without: Sequence[str]) -> bool:
        """Whether a recipe's training on masks has shown it all structures of a data set in others."""
        shown = {one for other, names in STRUCTURES.items() if other not in without for one in names}
        return isinstance(self.recipes[name], MaskTraining) and shown.issuperset(STRUCTURES[folder])

    def network(self, name: str) -> str:
        """Which network labels pixels with what a recipe learned."""
        recipe = self.recipes[name]
        return recipe.network if isinstance(recipe, Scratch | MaskTraining) else OURS

    def prepare(self, _: Mapping[str, Found]) -> Found:
        """Write the mix."""
        return {"mix": prepare_mix(self.setting.data, self.setting.work).name}

    def decode_mix(self, _: Mapping[str, Found]) -> Found:
        """Read its pictures, so that they are kept."""
        return {"images": decode_mix(self._mix, self._store)}

    def decode(self, folder: str, side: int, column: str, _: Mapping[str, Found]) -> Found:
        """Read the parts of a data set, so that they are kept; of one that is not tested on, `train` alone."""
        if not column and folder not in MASKS.values():
            return {"train": len(self._train(folder, side))}
        train, test = self._read(folder, side, column)
        return {"train": len(train), "test": len(test)}

    def cost(self, name: str, _: Mapping[str, Found]) -> Found:
        """Seconds per step of each stage of a training."""
        recipe, encoder, device = self.recipes[name], self.setting.encoder, self.setting.device
        if isinstance(recipe, Method):
            return {"seconds per step": self.trainings.seconds_per_step(recipe)}
        if isinstance(recipe, Distillation):
            seconds = distillation.seconds_per_step(self.trainings.images, encoder, recipe, device)
        else:
            assert isinstance(recipe, MaskTraining)
            seconds = masks.seconds_per_step(recipe.network, encoder, len(masks.NAMES), device)
        return {"seconds per step": [seconds]}

    def network_cost(self, name: str, _: Mapping[str, Found]) -> Found:
        """Seconds per step of the fine-tuning of a network."""
        return {"seconds per step": masks.seconds_per_step(name, self.setting.encoder, 2, self.setting.device)}

    def train(self, one: Training, found: Mapping[str, Found]) -> Found:
        """Train as many steps as fit into the seconds, or go on with it."""
        recipe, setting, cost = self.recipes[one.recipe], self.setting, found[f"cost/{one.recipe}"]
        if cost["device"] != setting.device.type:
            raise ValueError(f"It was timed on {cost['device']}; needed {setting.device.type}, to train there.")
        costs = cost["seconds per step"]
        if isinstance(recipe, Method):
            steps = steps_within(recipe, costs, setting.seconds)
            self.trainings.train(recipe, one.seed, steps, one.without, self._folder(one))
            return {"steps": steps}
        count = max(1, round(setting.seconds / costs[0]))
        if isinstance(recipe, Distillation):
            distillation.train(
                self.trainings.images, setting.encoder, recipe,
                seed=one.seed, steps=count, device=setting.device, folder=self._folder(one),
            )  # fmt: skip
        else:
            assert isinstance(recipe, MaskTraining)
            splits = {folder: self._train(folder, SIDE) for folder in STRUCTURES if folder not in one.without}
            network = build_network(recipe.network, setting.encoder, len(masks.NAMES), one.seed)
            trained, plan = network, Plan(count, MASK_RATE, one.seed)
            if recipe.from_contrast:
                trained = masks.KeepingFeatures(start_from(network, setting.contrast))
                plan = replace(plan, encoder_factor=ENCODER_FACTOR)
            masks.train_on_masks(trained, splits, plan, setting.device)
            save_network(network, self._folder(one))
        return {"steps": [count]}

    def probe(self, one: Training, task: str, _: Mapping[str, Found]) -> Found:
        """See `representation_measures.probe`."""
        parts = self._read(PROBES[task][0], PROBE_SIDE, PROBES[task][1])
        return probe(self._encoder(one), *parts, self.setting.device)

    def classify(self, one: Training, task: str, count: int, _: Mapping[str, Found]) -> Found:
        """Mean AUC over draws of labelled pictures; see `few_shot`."""
        parts = self._read(PROBES[task][0], SIDE, PROBES[task][1])
        draws = [few_shot(self._encoder(one), *parts, count, draw, self.setting.device) for draw in range(FEW_DRAWS)]
        return {"auc": sum(draw["auc"] for draw in draws) / FEW_DRAWS, "draws": draws}

    def segment(
        self, one: Training, task: str, count: int | None, costs: Sequence[str], found: Mapping[str, Found]
    ) -> Found:
        """Dice after training on masks; with two costs for as long as the second of them takes. See `tune_masks`."""
        steps = STEPS_OF_ALL if count is None else STEPS
        if costs:
            own, peer = (found[cost]["seconds per step"] for cost in costs)
            steps = max(1, round(steps * peer / own))
        labels = len(STRUCTURES[MASKS[task]])
        network = build_network(self.network(one.recipe), self.setting.encoder, labels + 1, one.seed)
        plan = Plan(steps, MASK_RATE, one.seed)
        if (weights := self._weights(one)) is not None:
            start_from(network, weights)
            plan = replace(plan, encoder_factor=ENCODER_FACTOR)
        parts = self._read(MASKS[task], SIDE)
        scores = tune_masks(network, *parts, labels, count, plan, self.setting.device)
        return {**scores, "network": self.network(one.recipe), "without": one.without}

    def segment_carried(self, one: Training, task: str, count: int, _: Mapping[str, Found]) -> Found:
        """The same, from the scores that the training gave the structures of the data set; with no mask as they are.

        With masks, halfway between them and what they are trained to: from good scores a few masks lead astray.
        """
        setting, network, structures = self.setting, self.network(one.recipe), STRUCTURES[MASKS[task]]
        trained = start_from(
            build_network(network, setting.encoder, len(masks.NAMES), one.seed), self._folder(one), True
        )
        chosen = ChosenScores(trained, len(masks.NAMES), [masks.NAMES.index(name) for name in structures])
        plan = Plan(STEPS if count else 0, CARRIED_RATE, one.seed)
        parts = self._read(MASKS[task], SIDE)
        scores = tune_masks(chosen, *parts, len(structures), count, plan, setting.device, START_SHARE)
        return {**scores, "network": network, "without": one.without}

    @cached_property
    def trainings(self) -> Trainings:
        """Made once they are asked for: they hold every picture of the mix."""
        return Trainings(self._mix, self._store, self.setting.encoder, self.setting.device)

    @property
    def _mix(self) -> Path:
        return self.setting.work / "mix.csv"

    @property
    def _store(self) -> Path:
        return self.setting.work / "pictures" / "mix.pt"

    def _encoder(self, one: Training) -> Encoder:
        weights = self._weights(one)
        return load(None if weights is None else encoder_file(weights), self.setting.encoder, one.seed)

    def _weights(self, one: Training) -> Path | None:
        """What a network starts from; None for random weights."""
        recipe = self.recipes[one.recipe]
        if isinstance(recipe, Path):
            return recipe
        return self._folder(one) if self.is_trained(one.recipe) else None

    def _folder(self, one: Training) -> Path:
        return self.setting.work / "runs" / Path(one.job).relative_to("train")

    def _train(self, folder: str, side: int) -> Pictures:
        """The masks of a data set to train on."""
        kept = Kept(self.setting.work / "pictures")
        return kept.read(self.setting.data / folder, "train", side, labels=len(STRUCTURES[folder]))

    def _read(self, folder: str, side: int, column: str = "") -> tuple[Pictures, Pictures]:
        """Train and test of a data set with the classes of a column, or with masks where there is none."""
        place = (self.setting.work if folder == "gallbladder" else self.setting.data) / folder
        return Kept(self.setting.work / "pictures").both(place, side, column, 0 if column else len(STRUCTURES[folder]))


def _fitted(recipe: Recipe, setting: Setting) -> Recipe:
    if isinstance(recipe, Method):
        return sized(recipe, setting.side, setting.batch)
    if isinstance(recipe, Distillation):
        return replace(recipe, global_px=setting.side, batch_size=setting.batch)
    return recipe
