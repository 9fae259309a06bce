"""How good frozen features are: linear probe and nearest neighbours on pooled feature maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from echocare_core.errors import TableError
from echocare_core.models.echocare import POOLED_MAPS
from echocare_core.models.encoder import Encoder
from echocare_core.models.precision import InPrecision

STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse L2 penalties that are tried
FOLDS = 4
NEIGHBOURS = 20


@dataclass(frozen=True)
class Labelled:
    """Features of images with a class each.

    Attributes:
        features: float32 (images, channels).
        classes: text (images,).
        groups: text (images,), patient, study or acquisition.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.str_]
    groups: NDArray[np.str_]


@torch.no_grad()
def pooled_features(
    encoder: Encoder, batches: Iterator[Tensor] | Sequence[Tensor], *, bfloat16: bool
) -> NDArray[np.float32]:
    """Means of the three deepest maps over the picture, one after the other: float32 (images, channels).

    Args:
        encoder: in evaluation mode.
        batches: float (batch, 3, height, width) in [0, 1], on the encoder's device.
        bfloat16: compute in it.
    """
    network = InPrecision(encoder, "bfloat16" if bfloat16 else "float32")
    pooled = [[one.float().mean((2, 3)) for one in network(batch)[-POOLED_MAPS:]] for batch in batches]
    return np.concatenate([torch.cat(means, 1).cpu().numpy() for means in pooled])


def linear_probe(train: Labelled, test: Labelled) -> float:
    """AUC on `test` of a logistic regression fitted on `train`, the mean over classes against the rest.

    Its penalty is chosen by the AUC in a cross-validation over the groups of `train`, in those folds that have all
    classes on both sides; where there is none, it is the strongest.

    Raises:
        TableError: fewer than two classes, or a class that is in `test` only.
    """
    _check_classes(train, test)
    folds = GroupKFold(min(FOLDS, len(set(train.groups))))
    parts = [part for part in folds.split(train.features, train.classes, train.groups) if _tells(train.classes, part)]
    kept = {"cv": parts, "scoring": "roc_auc_ovr"}
    scores = [
        cross_val_score(_regression(strength), train.features, train.classes, **kept).mean() if parts else 0.0
        for strength in STRENGTHS
    ]
    model = _regression(STRENGTHS[int(np.argmax(scores))]).fit(train.features, train.classes)
    return area_under_curve(model, test)


def nearest_neighbours(train: Labelled, test: Labelled) -> float:
    """AUC on `test` of the classes of the nearest images of `train` by cosine, weighted by nearness.

    Raises:
        TableError: fewer than two classes, or a class that is in `test` only.
    """
    _check_classes(train, test)
    model = KNeighborsClassifier(min(NEIGHBOURS, len(train.classes)), weights="distance", metric="cosine")
    return area_under_curve(make_pipeline(StandardScaler(), model).fit(train.features, train.classes), test)


def _tells(classes: NDArray[np.str_], part: tuple[NDArray[np.intp], NDArray[np.intp]]) -> bool:
    """Whether all classes are on both sides of a fold."""
    return all(set(classes[side]) == set(classes) for side in part)


def area_under_curve(model: Pipeline, test: Labelled) -> float:
    """Mean over classes of the area under the curve of each against the rest; of two classes, the one area."""
    scores = model.predict_proba(test.features)
    present = [
        number for number, name in enumerate(model.classes_) if 0 < (test.classes == name).sum() < len(test.classes)
    ]
    return float(
        np.mean([roc_auc_score(test.classes == model.classes_[number], scores[:, number]) for number in present])
    )


def _regression(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000, class_weight="balanced"))


def _check_classes(train: Labelled, test: Labelled) -> None:
    if len(set(train.groups)) < 2:
        raise TableError(f"{len(set(train.groups))} group to fit on; needed two or more, to choose the penalty by.")
    known, asked = set(train.classes), set(test.classes)
    if len(known) < 2 or not asked <= known or len(asked) < 2:
        raise TableError(
            f"Classes to fit on: {', '.join(sorted(known)) or 'none'}; to score: {', '.join(sorted(asked)) or 'none'}. "
            f"Needed two or more, all of them among those to fit on. Look at the table's label column and splits."
        )
