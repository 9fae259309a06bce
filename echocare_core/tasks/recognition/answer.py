"""What the output of a recognition says in words, of a frame, a cine or a study."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from echocare_core.bounds import check_above_0
from echocare_core.outputs import mean_of_scores
from echocare_core.pretraining.losses.tree_min import tree_probabilities
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.types import Measurement, Output, Scores

NONE = "none_of_these"  # the class of what is not known, of every question
LEVELS = ("body_region", "organ", "view")  # of the organ tree, by depth
STRANGENESS = "strangeness"


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

    Raises:
        SettingsError: a steepness that is not above 0.
    """

    def __init__(self, tree: OrganTree, *, strangest: float, steepness: float) -> None:
        check_above_0("steepness", steepness)
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
        named = {class_name(self.tree.nodes[node].name): float(shares[node]) for node in nodes}
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


def class_name(name: str) -> str:
    """What the class of a node, or of none of them, is called."""
    return name.strip().replace(" ", "_")
