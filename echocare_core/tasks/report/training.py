"""What a report is trained by: classes of a table, of which some may be unknown, the loss, and the key metric."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from ignite.metrics import EpochMetric
from monai.config import KeysCollection
from monai.data import Dataset
from monai.transforms import MapTransform
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.tasks.classification import class_number
from echocare_core.tasks.report.lexicon import Lexicon
from echocare_core.training.network import bare

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


@torch.no_grad()
def start_from_shares(network: nn.Module, dataset: Dataset, lexicon: Lexicon) -> None:
    """Let a network whose layers are 0 begin with the shares of the classes in its training images.

    So its first answer is that of the majority, and it learns what speaks against that.

    Args:
        network: a `ReportNetwork`, on its device.
        dataset: of the training, whose items have the columns of the descriptors.
        lexicon: its descriptors.
    """
    logits = []
    for one in lexicon.descriptors:
        numbers = torch.tensor([known_number(item, one.name, one.classes) for item in dataset.data])
        counts = torch.bincount(numbers[numbers != UNKNOWN], minlength=len(one.classes)) + 0.5  # that none is excluded
        logits.append((counts / counts.sum()).log())
    head: Any = bare(network).head
    head[-1].bias.copy_(torch.cat(logits))


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


def build_descriptor_likelihood(lexicon: Lexicon) -> EpochMetric:
    """The key metric of a validation: the log-likelihood of the true classes, the mean over images and descriptors.

    Of a few images it tells networks apart better than shares of right answers or areas under curves, since it counts
    how sure each answer is. What is unknown does not count; nan where nothing is known.
    """

    def likelihood(preds: Tensor, labels: Tensor) -> float:
        found = [
            functional.cross_entropy(logits[numbers != UNKNOWN], numbers[numbers != UNKNOWN])
            for logits, numbers in zip(preds.split(lexicon.sizes, dim=1), labels.unbind(dim=1), strict=True)
            if bool((numbers != UNKNOWN).any())
        ]
        return -float(torch.stack(found).mean()) if found else float("nan")

    return EpochMetric(likelihood, output_transform=_stacked, check_compute_fn=False)


def _stacked(items: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    preds = torch.stack([item["pred"].as_subclass(Tensor).float().cpu() for item in items])
    return preds, torch.stack([item["label"].as_subclass(Tensor).cpu() for item in items])
