"""Embeddings: vectors of length 1, the known images nearest to them, and the organ by their vote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_network import SMALLEST

from echocare_core.errors import SettingsError, TableError, WeightsError
from echocare_core.models.weights import load_network
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import OrganTree
from echocare_core.tasks.embedding import (
    EmbeddingNetwork,
    EmbeddingOutputd,
    KnownImages,
    NearestImages,
    read_known_images,
)
from echocare_core.types import Embedding, Scores

TREE = OrganTree(
    [Node(1, "abdomen"), Node(10, "liver", 1), Node(100, "hepatic vein", 10), Node(11, "spleen", 1), Node(2, "thorax")]
)
BY_NAME = {node.name: index for index, node in enumerate(TREE.nodes)}


def directions(number: int, size: int = 8, seed: int = 0) -> np.ndarray:
    """Vectors of length 1, all with something in common, as those of pictures have."""
    vectors = np.random.default_rng(seed).normal(0.5, 1, (number, size))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nearest_of(
    organs: list[str], vectors: np.ndarray | None = None, *, neighbours: int | None = None, smallest: float = -1.0
):
    """What known images of these organs say, the nearest three where no number is given."""
    neighbours = min(3, len(organs)) if neighbours is None else neighbours
    vectors = directions(len(organs)) if vectors is None else vectors
    nodes = np.array([BY_NAME[organ] for organ in organs])
    known = KnownImages(vectors, nodes, tuple(f"SET {number}" for number in range(len(organs))))
    return NearestImages(known, TREE, neighbours=neighbours, smallest_similarity=smallest)


def embedding_of(outputs) -> Embedding:
    return next(one for one in outputs if isinstance(one, Embedding))


def scores_of(outputs) -> dict[str, Scores]:
    return {one.name: one for one in outputs if isinstance(one, Scores)}


@pytest.fixture
def network() -> EmbeddingNetwork:
    return EmbeddingNetwork(encoder=SMALLEST, maps=2, known_images=4).eval()


def test_an_embedding_is_the_mean_of_the_deepest_maps_at_length_one(network: EmbeddingNetwork) -> None:
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        found, maps = network(image), network.encoder(image)

    assert found.shape[2:] == (1, 1)

    for number in range(2):
        expected = np.array([one for features in maps[-2:] for one in features[number].mean(dim=(1, 2)).tolist()])
        np.testing.assert_allclose(found[number, :, 0, 0], expected / np.sqrt((expected**2).sum()), atol=1e-6)


def test_the_nearest_known_images_are_those_of_the_largest_cosine() -> None:
    known, vector = directions(40), directions(1, seed=1)[0]
    cosines = []
    for other in known:
        dot = sum(float(a) * float(b) for a, b in zip(vector, other, strict=True))
        lengths = sum(float(a) ** 2 for a in vector) ** 0.5 * sum(float(b) ** 2 for b in other) ** 0.5
        cosines.append(dot / lengths)
    expected = sorted(range(40), key=lambda number: cosines[number], reverse=True)[:5]

    found = embedding_of(nearest_of(["liver"] * 40, known, neighbours=5).describe(vector)).nearest

    assert [one.name for one in found] == [f"SET {number}" for number in expected]
    assert [one.similarity for one in found] == pytest.approx([cosines[number] for number in expected], abs=1e-6)


def test_votes_are_weighted_by_similarity_and_count_for_all_nodes_above() -> None:
    nodes = np.array([BY_NAME["hepatic vein"], BY_NAME["spleen"], BY_NAME["thorax"]])

    found = nearest_of(["liver"]).node_probabilities(np.array([0.9, 0.6, 0.5]), nodes)

    assert {name: found[index] for name, index in BY_NAME.items()} == pytest.approx(
        {"abdomen": 0.75, "liver": 0.45, "hepatic vein": 0.45, "spleen": 0.3, "thorax": 0.25}
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_node_gets_more_than_the_node_above_it(seed: int) -> None:
    generator = np.random.default_rng(seed)
    nodes = generator.integers(len(TREE), size=7)

    found = nearest_of(["liver"], smallest=0.3).node_probabilities(generator.uniform(-1, 1, 7), nodes)

    by_id = {node.id: found[index] for index, node in enumerate(TREE.nodes)}
    assert all(by_id[node.id] <= by_id[node.parent] + 1e-12 for node in TREE.nodes if node.parent)
    assert sum(by_id[node.id] for node in TREE.nodes if node.parent is None) <= 1 + 1e-12


def test_neighbours_that_are_too_far_vote_for_unknown() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
    nearest = nearest_of(["liver", "liver", "spleen"], vectors, smallest=0.7)

    organ = scores_of(nearest.describe(vectors[0]))["organ"]

    assert organ.answer == "liver"
    assert dict(organ.probabilities) == pytest.approx({"liver": 1.8 / 2.4, "spleen": 0, "unknown": 0.6 / 2.4})


@pytest.mark.parametrize("vector", [(0.0, 1.0), (-1.0, 0.0)])
def test_an_image_like_no_known_one_is_unknown_on_every_level(vector: tuple[float, float]) -> None:
    vectors = np.array([[1, 0], [0.8, 0.6]], dtype=np.float32)

    scores = scores_of(
        nearest_of(["liver", "spleen"], vectors, smallest=0.7).describe(np.array(vector, dtype=np.float32))
    )

    assert {one.answer for one in scores.values()} == {"unknown"}
    assert scores["organ"].probabilities["unknown"] == scores["body_region"].probabilities["unknown"] == 1


def test_organ_and_region_are_named_as_the_tree_has_them_and_what_stands_above_is_no_organ() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6]], dtype=np.float32)

    scores = scores_of(nearest_of(["hepatic vein", "thorax"], vectors).describe(vectors[0]))

    assert set(scores["organ"].probabilities) == {"liver", "unknown"}
    assert set(scores["body_region"].probabilities) == {"abdomen", "thorax", "unknown"}
    assert scores["organ"].probabilities["unknown"] == pytest.approx(scores["body_region"].probabilities["thorax"])


@pytest.mark.parametrize("wrong", [-1, 0, 3, 1.5, "2"])
def test_neighbours_that_there_are_not_are_refused(wrong) -> None:
    with pytest.raises(SettingsError, match=f"neighbours={wrong!r}; needed a whole number of 1 to 2, the known images"):
        nearest_of(["liver", "spleen"], neighbours=wrong)


@pytest.mark.parametrize("wrong", [-1.5, 2, np.nan, "high"])
def test_a_similarity_that_is_no_cosine_is_refused(wrong) -> None:
    with pytest.raises(SettingsError, match=f"smallest_similarity={wrong!r}; needed a cosine of -1 to 1"):
        nearest_of(["liver"], smallest=wrong)


def test_a_level_on_which_nothing_is_known_has_no_scores() -> None:
    vectors = directions(2)

    assert list(scores_of(nearest_of(["thorax", "abdomen"], vectors).describe(vectors[0]))) == ["body_region"]


def test_a_cine_is_the_mean_of_its_frames_at_length_one() -> None:
    nearest, vectors = nearest_of(["liver"] * 6 + ["spleen"] * 6), directions(3, seed=2)
    parts = [nearest.describe(vector) for vector in vectors]

    outputs = nearest.combine(parts)

    mean = (vectors[0] + vectors[1] + vectors[2]) / 3
    expected = mean / np.linalg.norm(mean)
    np.testing.assert_allclose(embedding_of(outputs).vector, expected, atol=1e-6)
    assert embedding_of(outputs).nearest == embedding_of(nearest.describe(embedding_of(outputs).vector)).nearest
    assert list(scores_of(outputs)) == ["organ", "body_region"]


def test_an_item_gets_its_outputs_from_what_the_network_gives() -> None:
    vector = directions(1)[0]

    item = EmbeddingOutputd("pred", nearest_of(["liver"] * 4))({"pred": torch.from_numpy(3 * vector)[:, None, None]})

    assert embedding_of(item["outputs"]).vector.dtype == np.float32
    np.testing.assert_allclose(embedding_of(item["outputs"]).vector, vector, atol=1e-6)


@pytest.fixture
def files(tmp_path: Path, network: EmbeddingNetwork) -> tuple[Path, Path]:
    """Weights of a network that knows four images, in half precision, and their names."""
    network.bank.copy_(torch.from_numpy(directions(4, network.bank.shape[1])))
    network.nodes.copy_(torch.tensor([10, 10, 11, 2]))
    state = network.state_dict()
    torch.save({n: t.half() if t.is_floating_point() else t for n, t in state.items()}, tmp_path / "model.pt")
    table = pd.DataFrame({"data_set": ["A", "A", "B", "C"], "image": ["001", "NA", "x", "y"]})
    table.to_csv(tmp_path / "known_images.csv", index=False)
    return tmp_path / "model.pt", tmp_path / "known_images.csv"


def test_the_known_images_come_back_with_their_names_and_organs(
    files: tuple[Path, Path], network: EmbeddingNetwork
) -> None:
    known = read_known_images(*files, TREE)

    assert known.names == ("A 001", "A NA", "B x", "C y")
    assert [TREE.nodes[index].name for index in known.nodes] == ["liver", "liver", "spleen", "thorax"]
    np.testing.assert_allclose(known.vectors, network.bank, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(known.vectors, axis=1), 1, atol=1e-6)


def test_names_of_another_bank_are_refused(files: tuple[Path, Path]) -> None:
    files[1].write_text("data_set,image\nA,001\n", encoding="utf-8")

    with pytest.raises(TableError, match=r"known_images.csv has 1 rows of data_set, image, and model.pt 4 known"):
        read_known_images(*files, TREE)


def test_an_organ_that_the_tree_does_not_have_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(TableError, match="The organ tree has no '11'"):
        read_known_images(*files, OrganTree([Node(2, "thorax"), Node(10, "liver", 2)]))


def test_weights_of_a_bank_of_another_size_are_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(WeightsError, match=r"mis-shaped \(bank \(4, \d+\) instead of \(5, "):
        load_network(EmbeddingNetwork(encoder=SMALLEST, maps=2, known_images=5), files[0])
