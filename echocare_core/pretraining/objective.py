"""The loss of one step: views of a batch, what the model makes of them, and the terms of the method."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from echocare_core.errors import SettingsError
from echocare_core.models.echocare import Outputs, View
from echocare_core.models.precision import check_precision, computing_in
from echocare_core.pretraining.losses.contrast import contrast_levels, hierarchical_contrast, tree_triplet
from echocare_core.pretraining.losses.distillation import feature_distillation
from echocare_core.pretraining.losses.mining import ranking_loss
from echocare_core.pretraining.losses.pixel_tree import pixel_tree_loss
from echocare_core.pretraining.losses.places import place_contrast, sample_places, shared_places
from echocare_core.pretraining.losses.reconstruction import TARGETS, masked_l1, patch_losses, reconstruction_target
from echocare_core.pretraining.losses.tree_min import tree_min_loss
from echocare_core.pretraining.organs.pixel_tree import PixelTree
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.pretraining.stages import Point
from echocare_core.pretraining.views.augmentation import (
    AugmentedView,
    ViewSettings,
    make_view,
    move_pixel_label,
    prepare_pixels,
)
from echocare_core.pretraining.views.counter import uniform
from echocare_core.pretraining.views.masking import choose_masked, keep_one_of_four, patches_inside

Model = Callable[[Sequence[View], Collection[str]], list[Outputs]]
CONTRASTS = ("hierarchical", "triplet")


@dataclass
class StepLoss:
    """What a step gave.

    Attributes:
        loss: this process's summands of the weighted sum of the terms, to be differentiated.
        terms: this process's summands of each term, without gradient and without weight.
        views, outputs: what the terms come from, for pictures.
        pixel_label: of the first plain view, uint8 (batch, side, side); None where pixels are not learned.
    """

    loss: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)
    outputs: list[Outputs] = field(default_factory=list)
    pixel_label: Tensor | None = None


class Objective:
    """The terms of the method, ready to be asked for a batch.

    Args:
        tree: of organs.
        seed: of the run; masks and views follow from it and the images' places in the stream.
        views: how strongly views differ; a stage's `area` goes before theirs.
        contrast: "hierarchical" or "triplet".
        temperature: of the hierarchical contrast and of that of places.
        level_weights: weight per level of the contrast: each level of the tree, the group, the image itself.
        places_per_image: chosen at random for the contrast of places.
        target: of the reconstruction; see `reconstruction_target`.
        sector_only: hide and score patches inside the scan sector only.
        precision: "float32", "tf32", "bfloat16" or "auto", of the network; views and losses are always float32.
        pixel_tree: what the masks of the mix show; without one, or with no channels, the term of pixels is left out.

    Raises:
        SettingsError: an unknown contrast, target, precision or strength of views, level weights that do not fit
            the tree, or no places.
    """

    def __init__(
        self,
        tree: OrganTree,
        *,
        seed: int,
        views: Mapping[str, float],
        contrast: str,
        temperature: float,
        level_weights: list[float],
        places_per_image: int,
        target: str,
        sector_only: bool,
        precision: str,
        pixel_tree: PixelTree | None = None,
    ) -> None:
        if contrast not in CONTRASTS:
            raise SettingsError(f"Unknown contrast '{contrast}'; needed one of {', '.join(CONTRASTS)}.")
        if target not in TARGETS:
            raise SettingsError(f"Unknown reconstruction target '{target}'; needed one of {', '.join(TARGETS)}.")
        check_precision(precision)
        if len(level_weights) != tree.levels + 2:
            raise SettingsError(
                f"{len(level_weights)} level weights; needed {tree.levels + 2}: the tree's {tree.levels} levels, the "
                f"group and the image."
            )
        if type(places_per_image) is not int or places_per_image < 1:
            raise SettingsError(f"{places_per_image!r} places per image; needed a whole number above 0.")
        self.tree = tree
        self.ancestors = torch.from_numpy(tree.ancestors)
        self.lines = torch.from_numpy(tree.lines)
        self.seed = seed
        unknown = sorted(set(views) - set(ViewSettings.__dataclass_fields__))
        if unknown:
            known = ", ".join(ViewSettings.__dataclass_fields__)
            raise SettingsError(f"The views have no {', '.join(unknown)}; the settings are {known}.")
        self.settings = ViewSettings(**views)
        self.contrast = contrast
        self.temperature = temperature
        self.level_weights = torch.tensor(level_weights)
        self.places_per_image = places_per_image
        self.target = target
        self.sector_only = sector_only
        self.precision = precision
        self.pixel_tree = PixelTree(tree, []) if pixel_tree is None else pixel_tree
        self.pixel_states = torch.from_numpy(self.pixel_tree.states)

    def without_unlabelled(self, terms: Collection[str]) -> tuple[str, ...]:
        """The terms of a stage that can be computed: without pixels where no mask of the mix is used."""
        return tuple(term for term in terms if term != "pixels" or len(self.pixel_tree))

    def __call__(
        self, network: nn.Module, average: nn.Module | None, batch: Mapping[str, Tensor], point: Point
    ) -> StepLoss:
        """The loss of one batch.

        Args:
            network: EchoCare, or a wrapper of it.
            average: its moving average, which predicts the hardest patches and whose features are kept; None where no
                stage needs it.
            batch: image uint8 (batch, 3, side, side), inside_sector and, for pixels, pixel_label uint8
                (batch, 1, side, side), node, group and position int64 (batch,).
            point: stage and weights.
        """
        self._to(batch["image"].device)
        model = _in_precision(network, self.precision, batch["image"].device)
        teacher = None if average is None else _in_precision(average, self.precision, batch["image"].device)
        pixels = prepare_pixels(batch["image"], batch["inside_sector"], point.stage.image_size)
        positions = batch["position"]
        augmented = self._augment(pixels, positions, point)
        views = [
            self._view(kind, number, view, positions, teacher, point)
            for number, (kind, view) in enumerate(zip(point.stage.views, augmented, strict=True))
        ]
        terms = self.without_unlabelled(point.stage.terms)
        outputs = model(views, terms)
        step = StepLoss(loss=batch["image"].new_zeros((), dtype=torch.float32), views=views, outputs=outputs)
        if "reconstruction" in point.stage.terms:
            self._add_pixels(step, point)
        if "hierarchy" in point.stage.terms:
            self._add(step, "hierarchy", self._hierarchy(step, batch["node"]), point)
        if "contrast" in point.stage.terms:
            self._add(step, "contrast", self._contrast(outputs, batch), point)
        if "places" in point.stage.terms:
            self._add(step, "places", self._places(step, augmented, positions), point)
        if "pixels" in terms:
            self._add(step, "pixels", self._pixels(step, augmented, batch["pixel_label"]), point)
        if "distillation" in terms:
            self._add(step, "distillation", _distillation(step, teacher), point)
        return step

    def _to(self, device: torch.device) -> None:
        for name in ("ancestors", "lines", "pixel_states"):
            setattr(self, name, getattr(self, name).to(device))

    def _augment(self, pixels: Tensor, positions: Tensor, point: Point) -> list[AugmentedView]:
        settings = replace(self.settings, area=point.ramps.get("area", self.settings.area))
        return [
            make_view(pixels, positions, str(number), point.stage.image_size, settings, self.seed)
            for number in range(len(point.stage.views))
        ]

    def _view(
        self, kind: str, number: int, view: AugmentedView, positions: Tensor, teacher: Model | None, point: Point
    ) -> View:
        stage, image = point.stage, view.image
        if kind == "plain":
            return View(kind, image, patches_inside(view.inside, stage.image_size))
        inside = patches_inside(view.inside, stage.mask_patch)
        candidates = inside if self.sector_only else torch.ones_like(inside)
        chances = uniform(self.seed, f"mask {number}", positions, candidates[0].numel())
        if kind == "packed":
            return View(kind, image, candidates, keep_one_of_four(candidates, chances))
        share = point.ramps["hard_share"]
        hardness = _predict_loss(teacher, image, candidates) if teacher is not None and share > 0 else None
        masked = choose_masked(candidates, stage.mask_ratio, chances, hardness, share)
        return View(kind, image, candidates, masked)

    def _add_pixels(self, step: StepLoss, point: Point) -> None:
        hidden = [
            (view, output) for view, output in zip(step.views, step.outputs, strict=True) if view.masked is not None
        ]
        for view, output in hidden:
            assert view.masked is not None
            assert output.reconstruction is not None
            scored = view.masked & view.inside
            target = reconstruction_target(view.image, self.target, point.stage.mask_patch)
            self._add(step, "reconstruction", masked_l1(output.reconstruction, target, scored) / len(hidden), point)
            if output.predicted_loss is not None:
                cost = patch_losses(output.reconstruction, target, point.stage.mask_patch)
                predicted = _per_patch(output.predicted_loss, cost.shape[1], cost.shape[2])
                self._add(step, "ranking", ranking_loss(predicted, cost, scored) / len(hidden), point)

    def _hierarchy(self, step: StepLoss, nodes: Tensor) -> Tensor:
        plain = [output for view, output in zip(step.views, step.outputs, strict=True) if view.kind == "plain"]
        used = [output.logits for output in plain or step.outputs if output.logits is not None]
        logits = torch.cat(used)
        return tree_min_loss(logits, nodes.repeat(len(used)), self.ancestors, self.lines)

    def _contrast(self, outputs: list[Outputs], batch: Mapping[str, Tensor]) -> Tensor:
        labels = contrast_levels(batch["node"], batch["group"], batch["position"], self.lines)
        embeddings = torch.cat([output.embedding for output in outputs if output.embedding is not None])
        labels = labels.repeat(len(outputs), 1)
        if self.contrast == "triplet":
            return tree_triplet(embeddings, labels)
        return hierarchical_contrast(embeddings, labels, self.temperature, self.level_weights)

    def _places(self, step: StepLoss, augmented: list[AugmentedView], positions: Tensor) -> Tensor:
        kinds = [view.kind for view in step.views]
        compared = ("plain",) if kinds.count("plain") > 1 else ("plain", "masked")
        numbers = [number for number, kind in enumerate(kinds) if kind in compared]
        losses = []
        for one, other in pairwise(numbers):
            drawn = uniform(self.seed, f"places {one}", positions, 2 * self.places_per_image)
            here, there, shown = shared_places(augmented[one], augmented[other], drawn)
            for first, second in zip(step.outputs[one].places, step.outputs[other].places, strict=True):
                embedded = sample_places(first.float(), here), sample_places(second.float(), there)
                losses.append(place_contrast(*embedded, shown, self.temperature))
        return torch.stack(losses).mean()

    def _pixels(self, step: StepLoss, augmented: list[AugmentedView], label: Tensor) -> Tensor:
        first = [view.kind for view in step.views].index("plain")
        view, logits = augmented[first], step.outputs[first].pixel_logits
        assert logits is not None
        step.pixel_label = move_pixel_label(label, view.affine, view.image.shape[-1])
        return pixel_tree_loss(logits, step.pixel_label, self.pixel_states, self.pixel_tree.ancestors)

    @staticmethod
    def _add(step: StepLoss, name: str, term: Tensor, point: Point) -> None:
        step.terms[name] = step.terms.get(name, 0) + term.detach()
        step.loss = step.loss + point.ramps[name] * term


def _in_precision(network: nn.Module, precision: str, device: torch.device) -> Model:
    def called(views: Sequence[View], terms: Collection[str]) -> list[Outputs]:
        with computing_in(precision, device):
            return network(views, terms)

    return called


@torch.no_grad()
def _predict_loss(teacher: Model, image: Tensor, candidates: Tensor) -> Tensor:
    """The teacher's predicted loss of each patch of the image it sees unmasked."""
    nothing = torch.zeros_like(candidates)
    (output,) = teacher([View("masked", image, candidates, nothing)], ("ranking",))
    assert output.predicted_loss is not None
    return _per_patch(output.predicted_loss, candidates.shape[1], candidates.shape[2])


def _distillation(step: StepLoss, teacher: Model | None) -> Tensor:
    """The distance to what the teacher says of the same plain views."""
    assert teacher is not None
    views = [view for view in step.views if view.kind == "plain"]
    with torch.no_grad():
        taught = [output.pooled for output in teacher(views, ("distillation",)) if output.pooled is not None]
    learned = [output.pooled for output in step.outputs if output.pooled is not None]
    return feature_distillation(torch.cat(learned), torch.cat(taught))


def _per_patch(predicted_loss: Tensor, rows: int, columns: int) -> Tensor:
    """Predicted losses on the encoder's grid as means per hidden patch: (batch, rows, columns)."""
    return nn.functional.adaptive_avg_pool2d(predicted_loss[:, None], (rows, columns))[:, 0]
