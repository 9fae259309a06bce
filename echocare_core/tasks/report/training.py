"""What a report is trained by: classes of a table, of which some may be unknown, the loss, and the key metric."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from ignite.metrics import EpochMetric
from monai.config import KeysCollection
from monai.transforms import MapTransform
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.tasks.classification import class_number
from echocare_core.tasks.report.lexicon import Lexicon

UNKNOWN = -1


class ClassesOfColumnsd(MapTransform):
    """Turn the classes that a row of a table names into numbers, int64 (descriptors,); -1 where a cell is empty.

    Args:
        keys: where the numbers go, such as "label".
        lexicon: whose descriptors are the columns, carried along by `TableDataset(columns=...)`.

    Raises:
        TableError: a class that the lexicon does not have.
    """

    def __init__(self, keys: KeysCollection, lexicon: Lexicon) -> None:
        super().__init__(keys)
        self.lexicon = lexicon

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        numbers = torch.tensor([known_number(item, one.name, one.classes) for one in self.lexicon.descriptors])
        return {**item, **{key: numbers.clone() for key in self.keys}}


def known_number(item: Mapping[Hashable, Any], column: str, classes: Sequence[str]) -> int:
    """Number of the class that a row names (`class_number`), -1 where its cell is empty."""
    return class_number(item, column, classes) if str(item[column]).strip() else UNKNOWN


class DescriptorLoss(nn.Module):
    """Mean over descriptors of their cross-entropies, each the mean of the images of which it is known.

    What is unknown is not punished: a row may know one descriptor alone.

    Args:
        lexicon: whose descriptors the logits are of.
        label_smoothing: see `torch.nn.CrossEntropyLoss`.
    """

    def __init__(self, lexicon: Lexicon, label_smoothing: float) -> None:
        super().__init__()
        self.sizes, self.label_smoothing = lexicon.sizes, label_smoothing

    def forward(self, pred: Tensor, classes: Tensor) -> Tensor:
        """The loss of logits (batch, classes of all descriptors) for numbers int64 (batch, descriptors), or -1."""
        losses = [
            functional.cross_entropy(logits, numbers, ignore_index=UNKNOWN, label_smoothing=self.label_smoothing)
            for logits, numbers in zip(pred.split(self.sizes, dim=1), classes.unbind(dim=1), strict=True)
            if bool((numbers != UNKNOWN).any())
        ]
        return torch.stack(losses).mean() if losses else pred.sum() * 0.0


def build_descriptor_auc(lexicon: Lexicon) -> EpochMetric:
    """The key metric of a validation: area under the ROC curve, the mean over descriptors of the means over classes.

    Classes that all images have, or none, do not count; 0.5 where nothing counts.
    """

    def areas(preds: Tensor, labels: Tensor) -> float:
        found = [
            mean_area(logits.softmax(dim=1).numpy(), numbers.numpy())
            for logits, numbers in zip(preds.split(lexicon.sizes, dim=1), labels.unbind(dim=1), strict=True)
        ]
        known = [one for one in found if not np.isnan(one)]
        return float(np.mean(known)) if known else 0.5

    return EpochMetric(areas, output_transform=_stacked, check_compute_fn=False)


def _stacked(items: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    preds = torch.stack([item["pred"].as_subclass(Tensor).float().cpu() for item in items])
    return preds, torch.stack([item["label"].as_subclass(Tensor).cpu() for item in items])


def mean_area(chances: Any, numbers: Any) -> float:
    """Mean over classes of the area under the ROC curve of each against the rest; nan where none has a value.

    Args:
        chances: (images, classes).
        numbers: (images,), of the true class, -1 where it is unknown.
    """
    chances, numbers = chances[numbers != UNKNOWN], numbers[numbers != UNKNOWN]
    asked = [one for one in range(chances.shape[1]) if 0 < (numbers == one).sum() < len(numbers)]
    return float(np.mean([roc_auc_score(numbers == one, chances[:, one]) for one in asked])) if asked else float("nan")
