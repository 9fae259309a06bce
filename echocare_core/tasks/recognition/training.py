"""What a recognition is trained by: nodes of a table, the loss, the fit of the strangeness, the key metric."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from ignite.metrics import Accuracy
from monai.config import KeysCollection
from monai.data import DataLoader, Dataset
from monai.transforms import MapTransform
from rich.progress import track
from torch import Tensor, nn

from echocare_core.pretraining.losses.tree_min import tree_min_loss, tree_probabilities
from echocare_core.pretraining.organs.tree import UNKNOWN, OrganTree
from echocare_core.training.network import bare


class NodeOfColumnd(MapTransform):
    """Turn what a table calls an organ into the number of its node, int64; -1 where the table says nothing.

    Args:
        keys: where the number goes, such as "label".
        column: of the table, carried along by `TableDataset(columns=...)`.
        tree: of the known nodes; names, synonyms and ids count.

    Raises:
        TableError: a name that the tree does not have.
    """

    def __init__(self, keys: KeysCollection, column: str, tree: OrganTree) -> None:
        super().__init__(keys)
        self.column, self.tree = column, tree

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        node = self.tree.find(str(item[self.column]))
        return {**item, **{key: torch.tensor(node) for key in self.keys}}


class RecognitionLoss(nn.Module):
    """The tree-min loss of the logits (Li et al., CVPR 2022, equation 5); the strangeness is fitted, not learned.

    Args:
        tree: whose nodes the logits are of.
    """

    ancestors: Tensor
    lines: Tensor

    def __init__(self, tree: OrganTree) -> None:
        super().__init__()
        self.register_buffer("ancestors", torch.from_numpy(tree.ancestors))
        self.register_buffer("lines", torch.from_numpy(tree.lines))

    def forward(self, pred: Tensor, nodes: Tensor) -> Tensor:
        """The loss of `RecognitionNetwork`'s output for nodes int64 (batch,), -1 where nothing is known."""
        device = pred.device
        return tree_min_loss(pred[:, :-1], nodes, self.ancestors.to(device), self.lines.to(device))


@torch.no_grad()
def fit_strangeness(
    network: nn.Module, known: Dataset, held_out: Dataset, *, shrinkage: float, false_alarms: float, batch_size: int
) -> None:
    """Fit what a network knows as not strange, before its head is trained: the encoder is frozen.

    Args:
        network: a `RecognitionNetwork`, on its device.
        known: items with `image` and `label`, a node; those without one (-1) are left out.
        held_out: known ones that set the unit: this share of them is stranger than 1.
        shrinkage: of the covariance, see `Strangeness.fit`.
        false_alarms: that share, 0 to 1.
        batch_size: images that go through the network together.
    """
    recogniser: Any = bare(network)
    recogniser.strangeness.fit(*_pooled(recogniser, known, batch_size), shrinkage)
    recogniser.strangeness.calibrate(_pooled(recogniser, held_out, batch_size)[0], false_alarms)


def _pooled(network: Any, dataset: Dataset, batch_size: int) -> tuple[Tensor, Tensor]:
    """Features (images, channels) and nodes (images,) of the items whose node is known."""
    device, features, nodes = network.head.weight.device, [], []
    for batch in track(DataLoader(dataset, batch_size=batch_size), description="Looking at what is known"):
        kept = batch["label"] != UNKNOWN
        features.append(network.pool(batch["image"].as_subclass(Tensor)[kept].to(device)).float())
        nodes.append(batch["label"][kept].to(device))
    return torch.cat(features), torch.cat(nodes)


def build_node_accuracy(tree: OrganTree) -> Accuracy:
    """The key metric of a validation: the share of images whose deepest known node is the likeliest of its level."""
    lines, depth = torch.from_numpy(tree.lines), torch.from_numpy(tree.depth)

    def among_level(items: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
        known = [item for item in items if int(item["label"]) != UNKNOWN]
        nodes = torch.tensor([int(item["label"]) for item in known], dtype=torch.int64)
        logits = torch.stack([item["pred"].as_subclass(Tensor)[:-1].float().cpu() for item in known])
        same_level = depth[nodes][:, None] == depth
        return tree_probabilities(logits, lines).masked_fill(~same_level, -1), nodes

    return Accuracy(output_transform=among_level)
