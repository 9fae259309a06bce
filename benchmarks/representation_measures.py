"""What an encoder is good for: probes of its frozen features, fine-tuning on few images and on all, on `test` parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.evaluation.mask_scores import dice
from echocare_core.evaluation.probe import (
    POOLED_MAPS,
    Labelled,
    linear_probe,
    nearest_neighbours,
    pooled_features,
)
from echocare_core.frames.manifest import read_table
from echocare_core.models import Encoder, build_encoder, load_encoder
from echocare_core.pretraining.data.picture import prepare_picture
from echocare_core.pretraining.views.augmentation import ViewSettings, make_view, prepare_pixels
from echocare_core.tasks.segmentation import SegmentationNetwork
from echocare_core.training import warmup_cosine

SIDE, MASK_SIDE, BATCH = 96, 128, 16  # px: as in training, and as the segmentation network takes; images
PROBES = {  # folder of the data and column of the classes
    "BUS-BRA pathology": ("bus_bra", "pathology"),
    "BUSI": ("busi", "pathology"),
    "AUL": ("aul_liver", "category"),
    "gallbladder": ("gallbladder", "non_biliary_atresia"),
    "MMOTU": ("mmotu_2d", "tumour"),
}
FEW, FEW_DRAWS = (16, 64), 3  # labelled images, and how many times other ones are drawn
FEW_STEPS, FEW_RATE, FEW_STRENGTH = 40, 5e-4, 0.1  # of the regression, as scikit-learn's C
MASKS = {"BUS-BRA": ("bus_bra", 1), "HC18": ("hc18", 1), "CCAUI": ("ccaui_carotid", 1), "AUL": ("aul_liver", 2)}
MASK_STEPS, MASK_RATE = 150, 1e-3
UNLIKELY = -20.0
GENTLE = ViewSettings(0.7, 1.2, 10.0, 0.5, 1.3, 0.2, 0.1, 0.05, 0.1)


@dataclass(frozen=True)
class Pictures:
    """A split in memory.

    Attributes:
        images: uint8 (images, 3, side, side).
        rows: of the table.
    """

    images: Tensor
    rows: list[dict[str, object]]

    def __len__(self) -> int:
        return len(self.rows)


@cache
def pictures(folder: Path, split: str, columns: tuple[str, ...] = (), masks: bool = False) -> Pictures:
    """The pictures of a table's split, decoded once; those with masks at the size of the segmentation."""
    rows = read_table(folder, split, masks=masks, columns=columns)
    side = MASK_SIDE if masks else SIDE
    decoded = [prepare_picture(np.asarray(Image.open(str(row["image"])).convert("RGB")), side).image for row in rows]
    return Pictures(torch.from_numpy(np.stack(decoded)), rows)


def load(path: Path | None, profile: str, seed: int) -> Encoder:
    """The encoder of a file, or one with random weights."""
    torch.manual_seed(seed)
    return build_encoder(profile).eval() if path is None else load_encoder(path)


def probe(encoder: Encoder, folder: Path, label: str) -> dict[str, float]:
    """AUC on test of a linear probe and of nearest neighbours."""
    train, test = (_labelled(encoder, pictures(folder, split, (label,)), label) for split in ("train", "test"))
    return {"linear probe": linear_probe(train, test), "k-NN": nearest_neighbours(train, test)}


def few_shot(encoder: Encoder, folder: Path, label: str, count: int, seed: int) -> float:
    """AUC on test after fine-tuning on `count` labelled images, as many of each class as can be.

    The head starts as a regression on the features as they are, then all is trained (LP-FT, Kumar et al., ICLR 2022).
    """
    train, test = (pictures(folder, split, (label,)) for split in ("train", "test"))
    names = sorted({str(row[label]) for row in train.rows})
    classes = np.array([names.index(str(row[label])) for row in train.rows])
    generator = np.random.default_rng(seed)
    turns = [generator.permutation(np.flatnonzero(classes == number)) for number in range(len(names))]
    chosen = [turn[k] for k in range(count) for turn in turns if k < len(turn)][:count]
    network = Classifier(encoder.eval(), train.images[chosen], classes[chosen], len(names))
    optimizer = torch.optim.AdamW(network.parameters(), lr=FEW_RATE, weight_decay=0.05)
    schedule = warmup_cosine(optimizer, warmup_steps=5, steps=FEW_STEPS)
    network.train()
    for step in range(FEW_STEPS):
        some = torch.from_numpy(generator.choice(chosen, min(BATCH, count), replace=False))
        shown, _ = augmented(train.images[some], None, step, seed)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(shown)
        optimizer.zero_grad()
        functional.cross_entropy(logits.float(), torch.from_numpy(classes)[some]).backward()
        optimizer.step()
        schedule.step()
    truth = np.array([names.index(str(row[label])) for row in test.rows])
    with torch.no_grad():
        scores = torch.cat([network.eval()(batch).float().softmax(1) for batch in _batches(test.images)]).numpy()
    return float(np.mean([roc_auc_score(truth == number, scores[:, number]) for number in set(truth.tolist())]))


def segmentation(encoder: Encoder, folder: Path, labels: int, seed: int) -> float:
    """Mean Dice on test after fine-tuning the whole network on all training masks; mean over labels."""
    train, test = (pictures(folder, split, masks=True) for split in ("train", "test"))
    masks = torch.from_numpy(np.stack([_mask(str(row["mask"]), labels) for row in train.rows]))
    network = SegmentationNetwork(labels=labels + 1, encoder=encoder.profile, width=16, width_limit=64)
    network.encoder.load_state_dict(encoder.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), lr=MASK_RATE, weight_decay=0.05)
    schedule = warmup_cosine(optimizer, warmup_steps=10, steps=MASK_STEPS)
    loss = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False)
    generator = np.random.default_rng(seed)
    network.train()
    for step in range(MASK_STEPS):
        some = torch.from_numpy(generator.choice(len(train), BATCH, replace=False))
        shown, drawn = augmented(train.images[some], masks[some], step, seed)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(shown)
        optimizer.zero_grad()
        loss(logits.float(), drawn).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = torch.cat([network.eval()(batch).argmax(1) for batch in _batches(test.images)]).numpy()
    scores = []
    for row, labelled in zip(test.rows, found, strict=True):
        truth = _mask(str(row["mask"]), labels)[0]
        present = [number for number in range(1, labels + 1) if (truth == number).any()]
        scores += [dice(labelled == number, truth == number) for number in present]
    return float(np.mean(scores))


def augmented(images: Tensor, masks: Tensor | None, step: int, seed: int) -> tuple[Tensor, Tensor]:
    """A gentle view of each image; masks (images, 1, side, side) move along, one label at a time."""
    positions = torch.arange(len(images)) + step * len(images)
    side = images.shape[-1]
    channels = [images.new_ones(len(images), 1, side, side)]
    if masks is not None:
        channels = [(masks == number) for number in range(1, int(masks.max()) + 1)] or channels
    drawn = torch.zeros(len(images), 1, side, side, dtype=torch.long)
    for number, channel in enumerate(channels, start=1):
        augmented_view = make_view(prepare_pixels(images, channel, side), positions, "fine-tuning", side, GENTLE, seed)
        drawn[augmented_view.inside] = number
    return augmented_view.image, drawn


class Classifier(nn.Module):
    """A linear layer on the pooled maps that the probes see, standardised; it starts as a logistic regression.

    Args:
        encoder: in evaluation mode.
        images: uint8 (images, 3, side, side), those with labels.
        numbers: the class of each.
        classes: how many there are; one that no image has starts as most unlikely.
    """

    def __init__(self, encoder: Encoder, images: Tensor, numbers: NDArray[np.int_], classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        with torch.no_grad():
            features = torch.cat([self._pooled(batch) for batch in _batches(images)])
        self.mean, self.deviation = features.mean(0), features.std(0) + 1e-6
        standard = ((features - self.mean) / self.deviation).numpy()
        fitted = LogisticRegression(C=FEW_STRENGTH, max_iter=2000).fit(standard, numbers)
        weight, bias = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        self.head = nn.Linear(features.shape[1], classes)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, UNLIKELY)
        with torch.no_grad():
            self.head.weight[fitted.classes_] = torch.from_numpy(weight).float()
            self.head.bias[fitted.classes_] = torch.from_numpy(bias).float()

    def forward(self, image: Tensor) -> Tensor:
        return self.head((self._pooled(image) - self.mean) / self.deviation)

    def _pooled(self, image: Tensor) -> Tensor:
        return torch.cat([one.float().mean((2, 3)) for one in self.encoder(image)[-POOLED_MAPS:]], 1)


def _labelled(encoder: Encoder, split: Pictures, label: str) -> Labelled:
    features = pooled_features(encoder, _batches(split.images), bfloat16=True)
    classes = np.array([str(row[label]) for row in split.rows])
    return Labelled(features, classes, np.array([str(row["group"]) for row in split.rows]))


def _batches(images: Tensor) -> Iterator[Tensor]:
    for some in images.split(64):
        yield some.float() / 255


def _mask(path: str, labels: int) -> NDArray[np.uint8]:
    """Labels of a mask file as (1, MASK_SIDE, MASK_SIDE), placed as `prepare_picture` places the image."""
    values = np.asarray(Image.open(path))
    values = values // 255 if labels == 1 and values.max() == 255 else values
    scale = MASK_SIDE / max(values.shape)
    height, width = (max(1, round(side * scale)) for side in values.shape)
    small = np.asarray(Image.fromarray(values.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST))
    square = np.zeros((1, MASK_SIDE, MASK_SIDE), np.uint8)
    top, left = (MASK_SIDE - height) // 2, (MASK_SIDE - width) // 2
    square[0, top : top + height, left : left + width] = small
    return square
