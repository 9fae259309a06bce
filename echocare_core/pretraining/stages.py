"""Progressive training as data: stages, each with its sizes, and weights that may ramp while it lasts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from echocare_core.errors import SettingsError
from echocare_core.models.profiles import EncoderProfile
from echocare_core.training.schedule import warmup_cosine_rate

VIEWS = ("plain", "masked", "packed")
Ramp = tuple[float, float]


@dataclass(frozen=True)
class Stage:
    """One stage of a training. Ramps are a number, or two: at the first step and at the last.

    Attributes:
        name: for logs.
        steps: of the optimiser.
        batch_size: images per step, over all processes.
        image_size: side of the views in px.
        views: what is made of each image: "plain", "masked" (hidden patches stand as mask tokens) or "packed" (one
            patch of each 2x2 block is encoded, at a quarter of the work). Hidden patches are reconstructed, two or more
            views are contrasted, and the tree is learned from the plain ones, or from all where there is none. Places
            are compared between the plain ones, or between all but packed ones where there are not two. Labels of
            pixels are learned from the first plain one, and what the teacher says of plain ones is kept.
        mask_patch: side of the patches that are hidden, in px.
        mask_ratio: share of the patches inside the sector that a "masked" view hides; "packed" hides three of four.
        learning_rate: factor on the schedule.
        reconstruction, hierarchy, contrast, places, ranking, pixels, distillation: ramps, weights of the terms.
        hard_share: ramp, share of the hidden patches that are the predicted-hardest.
        area: ramp, least share of the picture that a crop keeps, in place of the views' own; None for that.
    """

    name: str
    steps: int
    batch_size: int
    image_size: int
    views: tuple[str, ...] = ("masked", "plain")
    mask_patch: int = 16
    mask_ratio: float = 0.5
    learning_rate: float = 1.0
    reconstruction: Ramp = (1.0, 1.0)
    hierarchy: Ramp = (0.0, 0.0)
    contrast: Ramp = (0.0, 0.0)
    places: Ramp = (0.0, 0.0)
    ranking: Ramp = (0.0, 0.0)
    pixels: Ramp = (0.0, 0.0)
    distillation: Ramp = (0.0, 0.0)
    hard_share: Ramp = (0.0, 0.0)
    area: Ramp | None = None

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms of the loss that have a weight at some step."""
        return tuple(name for name in TERMS if max(getattr(self, name)) > 0)

    @property
    def heads(self) -> tuple[str, ...]:
        """The terms whose heads it needs: those of the loss, and the one by which hard patches are chosen."""
        mined = ("ranking",) if max(self.hard_share) > 0 and "ranking" not in self.terms else ()
        return (*self.terms, *mined)


BETWEEN = "a share between 0 and 1"
AREAS = "shares from 0.01 to 1"
TERMS = ("reconstruction", "hierarchy", "contrast", "places", "ranking", "pixels", "distillation")
RAMPS = (*TERMS, "hard_share", "area")


@dataclass(frozen=True)
class Point:
    """A step of the training: its stage, and the ramps there.

    Attributes:
        stage: in which it lies.
        number: of the stage, from 0.
        ramps: value of each ramp by name; no area where the stage has none.
    """

    stage: Stage
    number: int
    ramps: Mapping[str, float]


class Stages:
    """The stages of a training, one after the other.

    Args:
        stages: mappings with the attributes of `Stage`.

    Raises:
        SettingsError: none at all, an unknown or missing entry, or a value that cannot be used; the message names it.
    """

    def __init__(self, stages: Sequence[Mapping[str, Any]]) -> None:
        if not stages:
            raise SettingsError("No stage; needed at least one with name, steps, batch_size and image_size.")
        self.stages = tuple(_stage(entries) for entries in stages)

    def __len__(self) -> int:
        """Steps of the whole training."""
        return sum(stage.steps for stage in self.stages)

    def at(self, step: int) -> Point:
        """The stage and the ramps at a step, counted from 0; past the end, those of the last step."""
        number, first = 0, 0
        while number < len(self.stages) - 1 and step >= first + self.stages[number].steps:
            first += self.stages[number].steps
            number += 1
        stage = self.stages[number]
        along = min(1.0, (step - first) / max(1, stage.steps - 1))
        ramps = {name: getattr(stage, name) for name in RAMPS}
        return Point(stage, number, {name: _between(ramp, along) for name, ramp in ramps.items() if ramp is not None})

    def learning_rate(self, step: int, peak: float, warmup_steps: int) -> float:
        """Linear warm-up to the peak, then a cosine to zero over the whole training, times the stage's factor."""
        rate = warmup_cosine_rate(step, peak=peak, warmup_steps=warmup_steps, steps=len(self))
        return rate * self.at(step).stage.learning_rate

    def check_fit(self, profile: EncoderProfile, place_maps: Sequence[int]) -> None:
        """Refuse, before the training, what its encoder could not take in a later stage.

        Args:
            profile: of the encoder.
            place_maps: numbers of the maps whose places are compared.

        Raises:
            SettingsError: images smaller than a window of the encoder, hidden patches that are no whole number of its
                own, or images that the compared maps do not cover exactly.
        """
        cell = max((profile.strides[number] for number in place_maps), default=1)
        least = profile.patch_size * profile.window_size
        for stage in self.stages:
            smallest = stage.image_size // 2 if "packed" in stage.views else stage.image_size
            _check(
                smallest >= least, stage.name, "image_size", stage.image_size,
                f"at least {least}, a window of {profile.window_size} patches of {profile.patch_size} px of the "
                f"encoder, and twice that for a packed view",
            )  # fmt: skip
            whole = set(stage.views) == {"plain"} or stage.mask_patch % profile.patch_size == 0
            needed = f"a multiple of the encoder's patches of {profile.patch_size} px"
            _check(whole, stage.name, "mask_patch", stage.mask_patch, needed)
            covered = max(stage.places) == 0 or stage.image_size % cell == 0
            needed = f"a multiple of {cell}, the stride of the coarsest map whose places are compared"
            _check(covered, stage.name, "image_size", stage.image_size, needed)

    @property
    def batches(self) -> list[tuple[int, int]]:
        """(steps, batch size) of each stage."""
        return [(stage.steps, stage.batch_size) for stage in self.stages]

    @property
    def mines(self) -> bool:
        """Whether any stage hides predicted-hardest patches."""
        return any(max(stage.hard_share) > 0 for stage in self.stages)

    @property
    def need_teacher(self) -> bool:
        """Whether any stage asks a moving average of the network: for its hard patches, or to keep its features."""
        return self.mines or any("distillation" in stage.terms for stage in self.stages)


def _between(ramp: Ramp, along: float) -> float:
    value = ramp[0] + (ramp[1] - ramp[0]) * along
    return min(max(value, min(ramp)), max(ramp))  # rounding must not carry it past its ends


def _stage(entries: Mapping[str, Any]) -> Stage:
    name = entries.get("name", "without a name")
    known = {field.name for field in fields(Stage)}
    wrong = sorted(set(entries) - known) + [f"{key} (missing)" for key in NEEDED if key not in entries]
    if wrong:
        raise SettingsError(
            f"Stage '{name}': cannot use {', '.join(wrong)}; the entries are {', '.join(sorted(known))}."
        )
    ramps = [key for key in RAMPS if key in entries and (key, entries[key]) != ("area", None)]
    values = {**entries, **{key: _ramp(entries[key], f"{name}, {key}") for key in ramps}}
    views = values.get("views", Stage.views)
    _check(isinstance(views, Sequence) and not isinstance(views, str), name, "views", views, f"a list of {VIEWS}")
    stage = Stage(**{**values, "views": tuple(views)})
    _check(bool(stage.views) and set(stage.views) <= set(VIEWS), name, "views", stage.views, f"some of {VIEWS}")
    for key in ("steps", "batch_size", "image_size", "mask_patch"):
        number = getattr(stage, key)
        _check(type(number) is int and number > 0, name, key, number, "a whole number above 0")
    _check(_is_weight(stage.mask_ratio) and 0 < stage.mask_ratio < 1, name, "mask_ratio", stage.mask_ratio, BETWEEN)
    _check(_is_weight(stage.learning_rate), name, "learning_rate", stage.learning_rate, "a factor from 0")
    _check(max(stage.hard_share) <= 1, name, "hard_share", stage.hard_share, "shares from 0 to 1")
    _check(stage.area is None or (min(stage.area) >= 0.01 and max(stage.area) <= 1), name, "area", stage.area, AREAS)
    cells = 2 * stage.mask_patch if "packed" in stage.views else stage.mask_patch
    hides = set(stage.views) != {"plain"}
    _check(not hides or stage.image_size % cells == 0, name, "image_size", stage.image_size, f"a multiple of {cells}")
    _check(bool(stage.terms), name, "terms", stage.terms, "a weight above 0 for one of them")
    scored = "reconstruction" not in stage.terms or hides
    _check(scored, name, "views", stage.views, "a masked or packed one, or 0 for reconstruction")
    mined = max(stage.hard_share) == 0 or "masked" in stage.views
    _check(mined, name, "hard_share", stage.hard_share, "0 without a masked view")
    ranked = "ranking" not in stage.terms or "reconstruction" in stage.terms
    _check(ranked, name, "ranking", stage.ranking, "0 without reconstruction")
    _check(max(stage.contrast) == 0 or len(stage.views) > 1, name, "views", stage.views, "two or more to contrast")
    compared = [view for view in stage.views if view != "packed"]
    needed = "two or more that are not packed, or 0 for places"
    _check(max(stage.places) == 0 or len(compared) > 1, name, "views", stage.views, needed)
    for key in ("pixels", "distillation"):
        possible = max(getattr(stage, key)) == 0 or "plain" in stage.views
        _check(possible, name, "views", stage.views, f"a plain one, or 0 for {key}")
    return stage


NEEDED = ("name", "steps", "batch_size", "image_size")


def _ramp(value: Any, where: str) -> Ramp:
    pair = [value, value] if isinstance(value, int | float) else value
    if not isinstance(pair, Sequence) or len(pair) != 2 or not all(_is_weight(number) for number in pair):
        raise SettingsError(f"Stage {where}: found {value!r}; needed a number from 0, or two: at its start and end.")
    return (float(pair[0]), float(pair[1]))


def _is_weight(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) and number >= 0


def _check(fulfilled: bool, stage: str, entry: str, found: Any, needed: str) -> None:
    if not fulfilled:
        raise SettingsError(f"Stage '{stage}': {entry} is {found!r}; needed {needed}. Change the stage.")
