"""Recognition: which body region, organ and view of the organ tree a picture shows, or that it is none of these.

The encoder is frozen; a linear layer on its pooled maps has a logit for each node of the tree that is known, and
`strangeness` says how far a picture lies from all that the layer was trained on. A node is never more probable than the
one above it (tree-min: Li et al., CVPR 2022, equation 4).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.metrics import Accuracy
from monai.config import KeysCollection
from monai.data import DataLoader, Dataset
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from rich.progress import track
from scipy.special import expit
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.errors import TableError
from echocare_core.models import EncoderProfile, starting_encoder
from echocare_core.outputs import mean_of_scores
from echocare_core.pretraining.losses.tree_min import tree_min_loss, tree_probabilities
from echocare_core.pretraining.organs.tree import UNKNOWN, OrganTree, read_tree
from echocare_core.tasks.strangeness import Strangeness
from echocare_core.training.network import bare
from echocare_core.types import Measurement, Output, Scores

NONE = "none_of_these"  # the class of what is not known, of every question
LEVELS = ("body_region", "organ", "view")  # of the organ tree, by depth
STRANGENESS = "strangeness"


def read_known_tree(path: str | Path, known: Sequence[str]) -> OrganTree:
    """The part of an organ tree that a bundle knows.

    Args:
        path: of the tree, see `read_tree`.
        known: names of its nodes; all nodes above them are known with them.

    Returns:
        A tree of those nodes alone.

    Raises:
        TableError: a tree that cannot be read, or a name that it does not have.
    """
    tree = read_tree(path)
    kept = np.any(tree.ancestors[[tree.find(name) for name in known]], axis=0).tolist()
    return OrganTree(node for node, keep in zip(tree.nodes, kept, strict=True) if keep)


class RecognitionNetwork(nn.Module):
    """A frozen encoder, the means of its deepest maps and of colour, a logit for each node, and the strangeness.

    Means are taken where the picture is: rows and columns that are black from end to end, as padding is, do not count.

    Args:
        nodes: of the tree that is known (`read_known_tree`).
        encoder: name of the encoder's profile, or its numbers.
        maps: how many of the deepest feature maps.
        black: of values in [0, 1]; what is as dark in all colours, or darker, is no part of the picture.
        encoder_weights: see `starting_encoder`.
    """

    def __init__(
        self,
        *,
        nodes: int,
        encoder: str | EncoderProfile,
        maps: int,
        black: float,
        encoder_weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.encoder = starting_encoder(encoder, encoder_weights).requires_grad_(False)
        self.maps, self.black = maps, black
        channels = sum(self.encoder.profile.channels[-maps:]) + 1
        self.strangeness = Strangeness(channels, nodes)
        self.head = nn.Linear(channels, nodes)

    def pool(self, image: Tensor) -> Tensor:
        """Means of the deepest maps, then of the colour, (batch, channels); of images as `forward` takes them."""
        brightest, darkest = image.amax(dim=1, keepdim=True), image.amin(dim=1, keepdim=True)
        seen = (brightest > self.black).to(image.dtype)
        inside = seen.amax(dim=3, keepdim=True) * seen.amax(dim=2, keepdim=True)  # (batch, 1, height, width)
        maps = [*self.encoder(image)[-self.maps :], brightest - darkest]
        return torch.cat([_mean_inside(features, inside) for features in maps], dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """Recognise pictures.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright.

        Returns:
            float32 (batch, nodes + 1): a logit for each node, then the strangeness.
        """
        pooled = self.strangeness.normalise(self.pool(image))
        return torch.cat([self.head(pooled), self.strangeness(pooled)[:, None]], dim=1)


def _mean_inside(features: Tensor, inside: Tensor) -> Tensor:
    """Means (batch, channels) of a map over the part of the picture that is 1 in `inside` (batch, 1, height, width)."""
    shares = functional.interpolate(inside, size=features.shape[2:], mode="area")
    return (features * shares).sum((2, 3)) / shares.sum((2, 3)).clamp(min=1.0)


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


class Recognition:
    """What the network's output says in words.

    Each level of the tree is a question whose last class is "none of these". With s the strangeness and p the tree
    probabilities, the regions share 1 / (1 + exp(steepness * (s - strangest))) in the proportion of p. Nodes under
    another share what that has in the proportion of p, too, and no more of it than their p is of its p. "None of these"
    has the rest.

    Args:
        tree: of the known nodes.
        strangest: the strangeness from which on a picture is none of these.
        steepness: how fast that probability falls around it, above 0.
    """

    def __init__(self, tree: OrganTree, *, strangest: float, steepness: float) -> None:
        self.tree, self.strangest, self.steepness = tree, strangest, steepness
        self.lines = torch.from_numpy(tree.lines)
        self.below = tree.ancestors.T & (tree.depth == tree.depth[:, None] + 1)  # [v, u] True where u is a child of v

    def describe(self, pred: Tensor) -> tuple[Output, ...]:
        """The organ, the body region and, where the tree has any, the view, each as `Scores`, and the strangeness.

        Args:
            pred: (nodes + 1,), of one picture.
        """
        found = tree_probabilities(pred[None, :-1].cpu(), self.lines)[0]
        strangeness = float(pred[-1])
        shares = self._shares(convert_to_numpy(found).astype(float), strangeness)
        levels = [self._scores(depth, shares) for depth in range(min(self.tree.levels, len(LEVELS)))]
        ordered = sorted(levels, key=lambda scores: scores.name != "organ")  # what people ask for first
        return (*ordered, Measurement(STRANGENESS, strangeness, "ratio"))

    def _shares(self, probabilities: NDArray[np.float64], strangeness: float) -> NDArray[np.float64]:
        """What each node has of the whole probability."""
        regions = self.tree.depth == 0
        familiar = expit(-self.steepness * (strangeness - self.strangest))
        shares = np.where(regions, familiar * probabilities / probabilities[regions].sum(), 0.0)
        for node in np.argsort(self.tree.depth, kind="stable"):
            children = self.below[node]
            whole = max(probabilities[node], probabilities[children].sum())
            shares[children] = shares[node] * probabilities[children] / whole
        return shares

    def _scores(self, depth: int, shares: NDArray[np.float64]) -> Scores:
        nodes = np.flatnonzero(self.tree.depth == depth)
        named = {_underscored(self.tree.nodes[node].name): float(shares[node]) for node in nodes}
        return Scores(LEVELS[depth], {**named, NONE: max(0.0, 1 - sum(named.values()))})


class RecognitionOutputd(MapTransform):
    """The network's output in words, in `outputs` of the item.

    Args:
        keys: outputs (nodes + 1,); they stay as they are.
        recognition: says what they are.
    """

    def __init__(self, keys: KeysCollection, recognition: Recognition) -> None:
        super().__init__(keys)
        self.recognition = recognition

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            item["outputs"] = self.recognition.describe(torch.as_tensor(item[key]).float())
        return item


def mean_recognition(parts: Sequence[Sequence[Output]]) -> tuple[Output, ...]:
    """What a cine or a study shows: of each question the mean probabilities of its frames; for `WriteResults`.

    Args:
        parts: outputs of each frame, as `Recognition` gives them.
    """
    kinds = (Scores, Measurement)
    frames = [{output.name: output for output in outputs if isinstance(output, kinds)} for outputs in parts]
    return tuple(_mean([frame[name] for frame in frames]) for name in frames[0])


def _mean(outputs: Sequence[Any]) -> Output:
    first = outputs[0]
    if isinstance(first, Measurement):
        return Measurement(first.name, float(np.mean([one.value for one in outputs])), first.unit)
    return mean_of_scores(outputs)


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


def score_organ(item: Mapping[Hashable, Any], *, column: str, tree: OrganTree) -> dict[str, float]:
    """Set an answer beside the organ of the table; for `WriteEvaluation`.

    Args:
        item: with `outputs` of `Recognition`, and the column.
        column: of the table, the organ or what lies below it; "none of these" for a picture of something else.
        tree: of the known nodes.

    Returns:
        `organ_accuracy` (1 where the organ is right) and `organ_none_of_these` (1 where that is the answer).

    Raises:
        TableError: a name that the tree does not have, or no organ.
    """
    name = str(item[column])
    answer = next(output.answer for output in item["outputs"] if isinstance(output, Scores) and output.name == "organ")
    truth = NONE if _underscored(name) == NONE else _underscored(_organ_of(name, tree))
    return {"organ_accuracy": float(answer == truth), "organ_none_of_these": float(answer == NONE)}


def _organ_of(name: str, tree: OrganTree) -> str:
    path = tree.path(tree.find(name))
    if len(path) < 2:
        raise TableError(
            f"The table says '{name}', which is a body region; needed the name of an organ, or {NONE}. Correct it."
        )
    return path[1]


def _underscored(name: str) -> str:
    return name.strip().replace(" ", "_")
