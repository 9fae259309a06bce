"""What a network is good for, on `test` parts: probes of frozen features, fine-tuning on few pictures and on all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.losses import DiceCELoss
from numpy.typing import NDArray
from representation_finetuning import AT_ONCE, Plan, finetune, predictions
from representation_pictures import PARTS, Pictures, read_split
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
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
from echocare_core.models import Encoder, build_encoder, load_encoder

PROBE_SIDE, SIDE = 224, 128  # px: what users embed, and what is fine-tuned
PROBES = {  # folder of the data and column of the classes
    "BUS-BRA pathology": ("bus_bra", "pathology"),
    "BUSI": ("busi", "pathology"),
    "AUL": ("aul_liver", "category"),
    "gallbladder": ("gallbladder", "non_biliary_atresia"),
    "MMOTU": ("mmotu_2d", "tumour"),
}
FOLDS = 5
FEW_DRAWS, FEW_STEPS, FEW_RATE, FEW_STRENGTH = 3, 40, 5e-4, 0.1  # the last of the regression, as scikit-learn's C
MASK_RATE, ENCODER_FACTOR = 3e-3, 0.3  # the second of an encoder that was trained before
CARRIED_RATE, START_SHARE = 1e-3, 0.5  # where the scores are carried too
UNLIKELY = -20.0


def load(path: Path | None, profile: str, seed: int) -> Encoder:
    """The encoder of a file, or one with random weights."""
    torch.manual_seed(seed)
    return build_encoder(profile).eval() if path is None else load_encoder(path)


def probe(encoder: Encoder, train: Pictures, test: Pictures, device: torch.device) -> dict[str, Any]:
    """AUC of frozen features, of the deepest map and of the three deepest.

    Returns:
        For "deepest" and "pooled": "linear" and "k-NN", fitted on `train` and measured on `test`; "folds", a regression
        that is fitted and measured on `test` alone, in folds by group, as by someone whose pictures are all new.
    """
    encoder = encoder.to(device).eval()
    train, test = (_labelled(encoder, split, device) for split in (train, test))
    width = encoder.profile.channels[-1]
    found = {}
    for name, first in (("deepest", train.features.shape[1] - width), ("pooled", 0)):
        cut_train, cut_test = (Labelled(one.features[:, first:], one.classes, one.groups) for one in (train, test))
        found[name] = {
            "linear": linear_probe(cut_train, cut_test),
            "k-NN": nearest_neighbours(cut_train, cut_test),
            "folds": folds_probe(cut_test),
        }
    return found


def folds_probe(images: Labelled) -> float:
    """AUC of a logistic regression in five folds by group; the mean over classes against the rest."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced"))
    folds = GroupKFold(min(FOLDS, len(set(images.groups))))
    names, numbers = np.unique(images.classes, return_inverse=True)
    scores = cross_val_predict(model, images.features, numbers, groups=images.groups, cv=folds, method="predict_proba")
    return _area(numbers, scores, len(names))


def few_shot(
    encoder: Encoder, train: Pictures, test: Pictures, count: int, seed: int, device: torch.device
) -> dict[str, Any]:
    """AUC on `test` after fine-tuning on `count` labelled pictures, as many of each class as can be.

    The head starts as a regression on the features as they are, then all is trained (LP-FT, Kumar et al., ICLR 2022).
    """
    names = sorted(set(train.classes))
    classes = np.array([names.index(one) for one in train.classes])
    rows = _of_each_class(classes, len(names), count, seed)
    images, numbers = train.images[rows].to(device), torch.from_numpy(classes[rows]).to(device)
    network = Classifier(encoder.to(device).eval(), images, classes[rows], len(names))
    masks = torch.zeros_like(images[:, :1])
    seconds = finetune(
        network,
        images,
        masks,
        lambda logits, rows, _: functional.cross_entropy(logits, numbers[rows]),
        Plan(FEW_STEPS, FEW_RATE, seed),
    )
    scores = torch.cat([logits.softmax(1) for logits in predictions(network, test.images.to(device))]).cpu().numpy()
    truth = np.array([names.index(one) for one in test.classes])
    return {"auc": _area(truth, scores, len(names)), "seconds": seconds}


def finetune_masks(
    network: nn.Module, folder: Path, labels: int, count: int | None, steps: int, seed: int, device: torch.device
) -> dict[str, Any]:
    """`tune_masks` on the pictures of a folder with table.csv, at `SIDE`."""
    train, test = (read_split(folder, split, SIDE, labels=labels) for split in PARTS)
    return tune_masks(network, train, test, labels, count, Plan(steps, MASK_RATE, seed), device)


def tune_masks(
    network: nn.Module,
    train: Pictures,
    test: Pictures,
    labels: int,
    count: int | None,
    plan: Plan,
    device: torch.device,
    start_share: float = 0.0,
) -> dict[str, Any]:
    """Dice on `test` after training a network in place on masks.

    Args:
        network: float32 (batch, 3, side, side) in [0, 1] to logits (batch, labels + 1, side, side).
        train: to draw the pictures from.
        test: to be scored on.
        labels: of the masks, without the background.
        count: of pictures that are trained on, the same ones for a seed; all where None.
        plan: how long and how fast.
        device: to compute on.
        start_share: of the weights it starts with in the mean of them and the trained ones that is scored (Wortsman et
            al., CVPR 2022, arXiv 2109.01903); they must be able to score these labels.

    Returns:
        "dice" (the mean over pictures), "images" (of each picture the mean over the labels that are drawn in it),
        "labels" (the mean of each), "groups" (of each picture), "steps", "seconds" of the training.
    """
    rows = np.random.default_rng(plan.seed).permutation(len(train))[:count]
    images, masks = train.images[rows].to(device), train.masks[rows].to(device)
    network = network.to(device)
    criterion = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False)
    start = [parameter.detach().clone() for parameter in network.parameters()]
    seconds = finetune(network, images, masks, lambda logits, _, drawn: criterion(logits, drawn), plan)
    with torch.no_grad():
        for parameter, before in zip(network.parameters(), start, strict=True):
            parameter.lerp_(before, start_share)
    scores = _dice_of_each(network, test, labels, device)
    each = np.nanmean(scores, axis=1)
    return {
        "dice": float(each.mean()),
        "images": [round(float(one), 4) for one in each],
        "labels": [round(float(one), 4) for one in np.nanmean(scores, axis=0)],
        "groups": test.groups,
        "steps": plan.steps,
        "seconds": round(seconds, 2),
    }


def _dice_of_each(network: nn.Module, test: Pictures, labels: int, device: torch.device) -> NDArray[np.float64]:
    """(images, labels), nan for a label that is not drawn; images without any are scored as a label that is."""
    found = torch.cat([logits.argmax(1) for logits in predictions(network, test.images.to(device))]).cpu().numpy()
    truth = test.masks[:, 0].numpy()
    scores = np.full((len(test), labels), np.nan)
    for image in range(len(test)):
        drawn = [label for label in range(1, labels + 1) if (truth[image] == label).any()] or range(1, labels + 1)
        for label in drawn:
            scores[image, label - 1] = dice(found[image] == label, truth[image] == label)
    return scores


class Classifier(nn.Module):
    """A linear layer on the pooled maps that the probes see, standardised; it starts as a logistic regression.

    Args:
        encoder: in evaluation mode.
        images: uint8 (images, 3, side, side), those with labels, on the encoder's device.
        numbers: the class of each.
        classes: how many there are; one that no image has starts as most unlikely.
    """

    def __init__(self, encoder: Encoder, images: Tensor, numbers: NDArray[np.int_], classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        with torch.no_grad():
            features = torch.cat([self._pooled(some.float() / 255) for some in images.split(AT_ONCE)])
        self.mean, self.deviation = features.mean(0), features.std(0) + 1e-6
        standard = ((features - self.mean) / self.deviation).cpu().numpy()
        fitted = LogisticRegression(C=FEW_STRENGTH, max_iter=2000).fit(standard, numbers)
        weight, bias = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        head = nn.Linear(features.shape[1], classes)
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, UNLIKELY)
        with torch.no_grad():
            head.weight[fitted.classes_] = torch.from_numpy(weight).float()
            head.bias[fitted.classes_] = torch.from_numpy(bias).float()
        self.head = head.to(images.device)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes) of pictures, float32 (batch, 3, side, side) in [0, 1]."""
        return self.head((self._pooled(image) - self.mean) / self.deviation)

    def _pooled(self, image: Tensor) -> Tensor:
        return torch.cat([one.float().mean((2, 3)) for one in self.encoder(image)[-POOLED_MAPS:]], 1)


def _labelled(encoder: Encoder, split: Pictures, device: torch.device) -> Labelled:
    batches = (some.to(device).float() / 255 for some in split.images.split(AT_ONCE))
    features = pooled_features(encoder, batches, bfloat16=True)
    return Labelled(features, np.array(split.classes), np.array(split.groups))


def _of_each_class(classes: NDArray[np.int_], names: int, count: int, seed: int) -> NDArray[np.int_]:
    """Rows drawn from the classes in turn."""
    generator = np.random.default_rng(seed)
    turns = [generator.permutation(np.flatnonzero(classes == number)) for number in range(names)]
    most = max(len(turn) for turn in turns)
    return np.array([turn[k] for k in range(most) for turn in turns if k < len(turn)][:count])


def _area(truth: NDArray[np.int_], scores: NDArray[np.float64], classes: int) -> float:
    present = [number for number in range(classes) if 0 < (truth == number).sum() < len(truth)]
    return float(np.mean([roc_auc_score(truth == number, scores[:, number]) for number in present]))
