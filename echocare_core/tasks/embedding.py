"""Embedding: a picture as a vector, the known images nearest to it, and the organ that they tell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from echocare_core.errors import SettingsError, TableError
from echocare_core.models import EncoderProfile, starting_encoder
from echocare_core.models.weight_file import read_state_dict
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.types import Embedding, KnownImage, Output, Scores

UNKNOWN = "unknown"
LEVELS = ("body_region", "organ")  # of the organ tree, by depth
NAME_COLUMNS = ("data_set", "image")


class EmbeddingNetwork(nn.Module):
    """An encoder whose deepest maps, averaged over the picture, become one vector of length 1.

    Its state dict also holds the known images, which `forward` does not use: `bank` float (known_images, channels),
    their embeddings, and `nodes` int64 (known_images,), ids in the organ tree. `read_known_images` reads them.

    Args:
        encoder: name of the encoder's profile, or its numbers.
        maps: how many of the deepest feature maps.
        known_images: how many images are known.
        encoder_weights: see `starting_encoder`.
    """

    bank: Tensor
    nodes: Tensor

    def __init__(
        self,
        *,
        encoder: str | EncoderProfile,
        maps: int,
        known_images: int,
        encoder_weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.maps = starting_encoder(encoder, encoder_weights), maps
        profile: EncoderProfile = self.encoder.profile
        self.register_buffer("bank", torch.zeros(known_images, sum(profile.channels[-maps:])))
        self.register_buffer("nodes", torch.zeros(known_images, dtype=torch.int64))

    def forward(self, image: Tensor) -> Tensor:
        """Embed pictures.

        Args:
            image: float32 (batch, 3, height, width) in [0, 1], upright.

        Returns:
            float32 (batch, channels of the maps, 1, 1), along the channels of length 1.
        """
        pooled = [features.mean((2, 3), keepdim=True) for features in self.encoder(image)[-self.maps :]]
        return functional.normalize(torch.cat(pooled, dim=1), dim=1)


@dataclass(frozen=True)
class KnownImages:
    """Images whose organ is known.

    Attributes:
        vectors: float32 (images, channels), embeddings of length 1.
        nodes: int64 (images,), index in the organ tree.
        names: of the images.
    """

    vectors: NDArray[np.float32]
    nodes: NDArray[np.int64]
    names: tuple[str, ...]


def read_known_images(weights: str | Path, names: str | Path, tree: OrganTree) -> KnownImages:
    """Read the known images of an `EmbeddingNetwork`.

    Args:
        weights: its state dict.
        names: CSV with the columns `data_set` and `image`, one row per known image in the order of the weights.
        tree: in which their organs are looked up by id.

    Raises:
        WeightsError: no such file, or no weight file.
        TableError: names that are not those of the weights, or a node that the tree does not have.
    """
    state, path = read_state_dict(Path(weights)), Path(names)
    table = pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()
    if not {"bank", "nodes"} <= state.keys() or len(table) != len(state["bank"]) or list(table) != list(NAME_COLUMNS):
        raise TableError(
            f"{path.name} has {len(table)} rows of {', '.join(table) or 'no column'}, and {Path(weights).name} "
            f"{len(state.get('bank', ()))} known images; needed one row of {', '.join(NAME_COLUMNS)} for each. Use the "
            f"two files that were written together."
        )
    vectors = functional.normalize(state["bank"].float(), dim=1).numpy()
    nodes = np.array([tree.find(str(number)) for number in state["nodes"].tolist()], dtype=np.int64)
    return KnownImages(vectors, nodes, tuple(table["data_set"] + " " + table["image"]))


class NearestImages:
    """What the known images say of an embedding.

    Args:
        known: images.
        tree: of their organs.
        neighbours: how many of the nearest have a vote, and are named; 1 to the number of known images.
        smallest_similarity: a neighbour below it votes for "unknown"; cosine, -1 to 1.

    Attributes:
        tree: as given.

    Raises:
        SettingsError: another number of neighbours, or a similarity that is no cosine.
    """

    def __init__(self, known: KnownImages, tree: OrganTree, *, neighbours: int, smallest_similarity: float) -> None:
        _check_settings(neighbours, smallest_similarity, len(known.names))
        self.known, self.tree = known, tree
        self.neighbours, self.smallest_similarity = neighbours, smallest_similarity
        shown = tree.ancestors[known.nodes].any(axis=0)
        self._classes = [np.flatnonzero(shown & (tree.depth == depth)) for depth in range(len(LEVELS))]

    def describe(self, vector: NDArray[np.float32]) -> tuple[Output, ...]:
        """The outputs of a frame, a cine or a study.

        Args:
            vector: float32 (channels,), of length 1.

        Returns:
            Organ and body region as scores, "unknown" among their classes, and the embedding with its neighbours; no
            scores of a level on which no known image has a node.
        """
        similarities = self.known.vectors @ vector
        nearest = np.argsort(-similarities, kind="stable")[: self.neighbours]
        probabilities = self.node_probabilities(similarities[nearest], self.known.nodes[nearest])
        named = tuple(
            KnownImage(
                self.known.names[index], self.tree.nodes[self.known.nodes[index]].name, float(similarities[index])
            )
            for index in nearest
        )
        levels = tuple(
            self._scores(depth, probabilities) for depth in reversed(range(len(LEVELS))) if self._classes[depth].size
        )
        return (*levels, Embedding("embedding", vector, named))

    def combine(self, parts: Sequence[Sequence[Output]]) -> tuple[Output, ...]:
        """The outputs of a cine or study: those of the mean of its frames' embeddings, brought to length 1.

        Args:
            parts: outputs of each frame, as `describe` gave them.
        """
        vectors = [output.vector for outputs in parts for output in outputs if isinstance(output, Embedding)]
        return self.describe(_of_length_one(np.mean(np.stack(vectors), axis=0)))

    def node_probabilities(self, similarities: NDArray[np.floating], nodes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Probability of every node of the tree: each neighbour's vote counts for its node and all nodes above.

        Votes are weighted by similarity; of those below `smallest_similarity` no node gets any.

        Args:
            similarities: of the neighbours, (neighbours,).
            nodes: of each, index in the tree.

        Returns:
            float64 (nodes of the tree,), that of a node the sum over the nodes below it and its own votes.
        """
        weights = np.maximum(similarities.astype(np.float64), 0)
        votes = np.zeros(len(self.tree))
        near = similarities >= self.smallest_similarity
        np.add.at(votes, nodes[near], weights[near] / max(weights.sum(), np.finfo(float).tiny))
        return votes @ self.tree.ancestors

    def _scores(self, depth: int, probabilities: NDArray[np.float64]) -> Scores:
        named = {
            self.tree.nodes[index].name.replace(" ", "_"): min(1.0, float(probabilities[index]))
            for index in self._classes[depth]
        }
        return Scores(LEVELS[depth], {**named, UNKNOWN: max(0.0, 1 - sum(named.values()))})


def _check_settings(neighbours: int, smallest_similarity: float, known: int) -> None:
    if not isinstance(neighbours, int) or not 1 <= neighbours <= known:
        raise SettingsError(
            f"NearestImages got neighbours={neighbours!r}; needed a whole number of 1 to {known}, the known images."
            " Correct it."
        )
    if not isinstance(smallest_similarity, (int, float)) or not -1 <= smallest_similarity <= 1:
        raise SettingsError(
            f"NearestImages got smallest_similarity={smallest_similarity!r}; needed a cosine of -1 to 1. Correct it."
        )


class EmbeddingOutputd(MapTransform):
    """The network's embedding as outputs: the nearest known images and the organ.

    Args:
        keys: embeddings (channels, 1, 1); the item gets `outputs`.
        nearest: says what they are.
    """

    def __init__(self, keys: KeysCollection, nearest: NearestImages) -> None:
        super().__init__(keys)
        self.nearest = nearest

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        item = dict(data)
        for key in self.key_iterator(item):
            item["outputs"] = self.nearest.describe(_of_length_one(convert_to_numpy(item[key]).ravel()))
        return item


def _of_length_one(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
