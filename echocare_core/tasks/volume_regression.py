"""The volume of the left ventricle read from the picture itself, beside its outline: a second, independent answer.

As a video network that gives an ejection fraction without an outline (Ouyang et al., Nature 580:252, 2020), but frame
by frame: a cine of any length and rate has a curve, in which beats are found as in that of the outlines, and two frames
of a patient are enough.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import DataLoader, Dataset
from monai.inferers import SimpleInferer
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.counting import counted
from echocare_core.distributed import rank
from echocare_core.errors import TrainingError
from echocare_core.models import EncoderProfile
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.saving import save_state
from echocare_core.models.weight_file import read_state_dict
from echocare_core.models.weights import load_network
from echocare_core.tasks.measurements import in_recorded_frame, known_spacing
from echocare_core.tasks.segmentation import SegmentationNetwork, SegmentationOutputd
from echocare_core.tasks.ventricle import ML, PX3, REGRESSED_VOLUME, VOLUME, Method, measure_ventricle
from echocare_core.training.network import bare
from echocare_core.training.smoothing import mean_logits
from echocare_core.types import Measurement

logger = logging.getLogger(__name__)
START = 11.0  # log volume of a ventricle in a picture of 128 px, from which a head that knows nothing begins
GROUPS = 8  # of channels that are normalised together


class VolumeHead(nn.Module):
    """The deepest maps of an encoder to one number: brought to one size, added, convolved, and their mean weighed.

    Args:
        channels: of the maps, the finest first.
        width: channels in which they are added, a multiple of 8.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(one, width, kernel_size=1) for one in channels)
        self.normalize = nn.GroupNorm(GROUPS, width)
        self.convolve = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.weigh = nn.Linear(width, 1)
        nn.init.constant_(self.weigh.bias, START)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(batch,) of maps (batch, channels, height, width), each half as high and wide as the one before."""
        size = maps[0].shape[-2:]
        parts = [project(one) for project, one in zip(self.project, maps, strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + functional.interpolate(part, size=size, mode="bilinear", align_corners=False)
        features = functional.gelu(self.normalize(total))
        features = features + functional.gelu(self.convolve(features))
        number: Tensor = self.weigh(features.mean(dim=(-2, -1)))[:, 0]
        return number


class VentricleNetwork(SegmentationNetwork):
    """A segmentation network with a head that reads the volume of the ventricle from the maps of its encoder.

    The outline does not enter into that volume. A training teaches the outline; then `fit_volume` fits the head to the
    maps of the encoder that it left.

    Args:
        volume_maps: how many of the deepest maps the volume is read from.
        volume_width: channels of the head.
        settings: of `SegmentationNetwork`.
    """

    def __init__(self, *, volume_maps: int, volume_width: int, encoder: str | EncoderProfile, **settings: Any) -> None:
        super().__init__(encoder=encoder, **settings)
        self.volume_maps = volume_maps
        self.volume = VolumeHead(self.encoder.profile.channels[-volume_maps:], volume_width).requires_grad_(False)


class VentricleVolumeNetwork(VentricleNetwork):
    """The same network with the same weights, for inference: the outline and the volume, the encoder run once for both.

    One tensor holds both, so that precisions, processes and other engines treat this network as any other.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Outline the ventricle and read its volume.

        Args:
            image: as for `SegmentationNetwork`.

        Returns:
            (batch, labels + 1, height, width): the logits, and in the last channel the natural logarithm of the volume
            in cubic pixels of `image`, everywhere the same.
        """
        maps = self.encode(image)
        plane = self.volume(maps[-self.volume_maps :])[:, None, None, None].expand(-1, 1, *image.shape[-2:])
        return torch.cat([self.score(image, maps), plane], dim=1)


class VentricleInferer(SimpleInferer):
    """MONAI's inferer of whole pictures, for a `VentricleVolumeNetwork`: it tells how frames are smoothed over time."""

    def mean_of_frames(self, logits: Tensor) -> Tensor:
        """What the network gives of several frames, (frames, labels + 1, height, width), as one of them.

        Probabilities of the labels are averaged, and so are the logarithms of volumes, which are no logits.
        """
        return torch.cat([mean_logits(logits[:, :-1]), logits[:, -1:].mean(dim=0)])


def fit_volume(
    weights: str | Path,
    *,
    network: nn.Module,
    known: Dataset,
    held_out: Dataset,
    label: int,
    method: Method,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Fit the head of a trained network to volumes of masks, and write it into the weights; all else stays as it is.

    Maps are made once, since the encoder no longer changes. The loss is the mean error of the log volume, and that of
    its difference between pictures of one patient, of which an ejection fraction is made. The epoch is kept whose log
    volumes are nearest on held-out pictures.

    Args:
        weights: of the training, which are replaced in one step.
        network: of the training, a `VentricleNetwork`; it gets these weights.
        known: items with `image` and `label`, a mask, prepared as for inference, and their `group`, each its own where
            they have none; pictures without a ventricle are left out.
        held_out: others, to choose the epoch.
        label, method: of the volume, as for `measure_ventricle`.
        epochs: passes over all maps.
        batch_size: pictures of a step.
        learning_rate: the peak of one cycle (Smith and Topin, arXiv 1708.07120).
        seed: of the order.

    Raises:
        TrainingError: no picture with a ventricle among the known ones, or none held out.
        WeightsError: weights of another network.
    """
    device = next(network.parameters()).device
    trained: Any = load_network(bare(network), weights, device)
    learned, checked = (_seen(trained, one, label, method, batch_size, device) for one in (known, held_out))
    if not len(learned) or not len(checked):
        raise TrainingError(
            f"{counted(len(learned), 'picture')} with a left ventricle to learn its volume from, {len(checked)} held "
            "out; needed one of each. Add rows with masks."
        )
    head = trained.volume.requires_grad_(True)
    optimizer = torch.optim.AdamW(head.parameters(), learning_rate)
    steps = epochs * -(-len(learned) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    generator, best = torch.Generator().manual_seed(seed), (math.inf, head.state_dict())
    for _ in track(range(epochs), description="Learning volumes"):
        for some in learned.order(generator).split(batch_size):
            optimizer.zero_grad()
            learned.loss(head, some, device).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            errors = [checked.errors(head, some, device).abs() for some in torch.arange(len(checked)).split(batch_size)]
        error = float(torch.cat(errors).mean())
        if error < best[0]:
            best = error, {name: one.clone() for name, one in head.state_dict().items()}
    head.load_state_dict(best[1])
    head.requires_grad_(False)
    logger.info("Volumes of %d pictures learned: %.1f %% off on %d others.", len(learned), 100 * best[0], len(checked))
    if rank() == 0:
        save_state(name_bundle(trained.state_dict(), bundle_of(read_state_dict(Path(weights)))), Path(weights))


@dataclass(frozen=True)
class _Seen:
    """What a head learns from: maps (pictures, channels, rows, columns) in float16, log volumes, patients."""

    maps: list[Tensor]
    volumes: Tensor
    patients: Tensor

    def __len__(self) -> int:
        return len(self.volumes)

    def order(self, generator: torch.Generator) -> Tensor:
        """All pictures at random, those of a patient one after the other."""
        shuffled = torch.randperm(len(self), generator=generator)
        places = torch.randperm(int(self.patients.max()) + 1, generator=generator)[self.patients[shuffled]]
        return shuffled[places.argsort(stable=True)]

    def errors(self, head: nn.Module, some: Tensor, device: torch.device) -> Tensor:
        """How far a head is from the log volumes of some pictures."""
        given = [one[some].to(device, torch.float32) for one in self.maps]
        errors: Tensor = head(given) - self.volumes[some].to(device)
        return errors

    def loss(self, head: nn.Module, some: Tensor, device: torch.device) -> Tensor:
        errors, patients = self.errors(head, some, device), self.patients[some].to(device)
        first, second = torch.triu_indices(len(some), len(some), 1, device=device)
        pairs = (errors[first] - errors[second])[patients[first] == patients[second]].abs()
        return errors.abs().mean() + (pairs.mean() if len(pairs) else 0)


@torch.no_grad()
def _seen(network: Any, dataset: Dataset, label: int, method: Method, batch_size: int, device: torch.device) -> _Seen:
    network.eval()
    maps: list[list[Tensor]] = []
    volumes: list[float | None] = []
    groups: list[str] = []
    alone = count()
    for batch in track(DataLoader(dataset, batch_size=batch_size), description="Looking at ventricles"):
        measured = [_log_volume(convert_to_numpy(mask)[0], label, method) for mask in batch["label"]]
        kept = [place for place, one in enumerate(measured) if one is not None]
        if not kept:
            continue
        found = network.encode(batch["image"].as_subclass(Tensor)[kept].to(device))[-network.volume_maps :]
        maps.append([one.half().cpu() for one in found])
        volumes += [measured[place] for place in kept]
        names = batch.get("group")
        groups += [str(names[place]) if names else f"alone {next(alone)}" for place in kept]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    joined = [torch.cat(level) for level in zip(*maps, strict=True)]
    return _Seen(joined, torch.tensor(volumes), torch.tensor([numbers[name] for name in groups]))


def _log_volume(mask: NDArray[np.floating], label: int, method: Method) -> float | None:
    measured = measure_ventricle(mask.round().astype(np.uint8), None, label=label, method=method)
    return next((math.log(one.value) for one in measured if one.name == VOLUME), None)


class VentricleOutputd(SegmentationOutputd):
    """The outline and what is measured on it, and beside it the volume that the network read from the picture.

    Args:
        keys: what a `VentricleVolumeNetwork` gives of one picture, (labels + 1, height, width).
        settings: of `SegmentationOutputd`; the item's `outputs` end with `left_ventricle_volume_regression`, in ml, or
            px3 of the recorded frame where it is not calibrated, of which square pixels are assumed.
    """

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item, volumes = dict(data), []
        for key in self.key_iterator(item):
            *_, height, width = item[key].shape
            volumes.append((float(item[key][-1].mean()), max(height, width)))
            item[key] = item[key][:-1]
        item = super().__call__(item)
        meta = item[self.image_key].meta
        for logarithm, side in volumes:
            one = _volume(logarithm, side, meta)
            item["outputs"] = (*item["outputs"], one)
        return item


def _volume(logarithm: float, side: int, meta: Mapping[str, Any]) -> Measurement:
    """The volume in the recorded frame.

    Args:
        logarithm: of the volume in cubic pixels of the network's input.
        side: the longer one of that input, as long as that of the scan region (`PrepareScand`).
        meta: of the picture.
    """
    top, left, bottom, right = (int(edge) for edge in meta["scan_box"])
    volume_px3 = math.exp(logarithm) * (max(bottom - top, right - left) / side) ** 3
    spacing = known_spacing(meta["spacing_mm"])
    if spacing is None:
        return in_recorded_frame(Measurement(REGRESSED_VOLUME, volume_px3 / PX3, "px3"), (0, 0), int(meta["reduction"]))
    return Measurement(REGRESSED_VOLUME, volume_px3 * math.prod(spacing) ** 1.5 / ML, "ml")
