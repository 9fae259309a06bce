"""Recognition: nodes of the tree with their probabilities, and none of these where a picture is strange."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from echocare_core.errors import SettingsError, TableError
from echocare_core.tasks.recognition import (
    NONE,
    NodeOfColumnd,
    Recognition,
    RecognitionLoss,
    RecognitionNetwork,
    RecognitionOutputd,
    build_node_accuracy,
    fit_strangeness,
    mean_recognition,
    read_known_tree,
    score_organ,
)

TREE = Path(__file__).parents[2] / "data_manifests" / "organ_tree.yaml"
KNOWN = ["breast", "liver", "carotid artery transverse view"]


@pytest.fixture(scope="module")
def tree():
    return read_known_tree(TREE, KNOWN)


@pytest.fixture
def recognition(tree):
    return Recognition(tree, strangest=1.0, steepness=5.0)


def logits_of(tree, sure_of, strangeness):
    """The network's output for a picture that surely shows some nodes."""
    named = [3.0 if node.name in sure_of else -5.0 for node in tree.nodes]
    return torch.tensor([*named, strangeness])


def questions(outputs):
    return {output.name: output for output in outputs}


def test_a_bundle_knows_its_nodes_and_those_above_them(tree):
    above = {"abdomen", "head and neck", "thorax", "carotid artery"}
    assert {node.name for node in tree.nodes} == above | set(KNOWN)


def test_a_known_node_that_the_tree_lacks_is_refused_with_the_nearest_names():
    with pytest.raises(TableError, match=r"no 'brest'; needed a name.*breast"):
        read_known_tree(TREE, ["brest"])


def test_the_network_gives_a_logit_for_every_node_and_the_strangeness():
    network = RecognitionNetwork(nodes=7, encoder="tiny", maps=3, black=0.02)
    assert network(torch.rand(2, 3, 64, 96)).shape == (2, 8)


@pytest.mark.parametrize(("top", "left"), [(0, 32), (32, 0)])
def test_padding_does_not_count(top, left):
    network = RecognitionNetwork(nodes=7, encoder="tiny", maps=3, black=0.02)
    network.encoder.forward = lambda image: [functional.avg_pool2d(image, 2**scale) for scale in range(1, 6)]
    picture = torch.rand(1, 3, 64, 64) + 0.1
    padded = functional.pad(picture, (left, 0, top, 0))

    assert network.pool(padded) == pytest.approx(network.pool(picture), abs=1e-5)


def test_colour_counts_and_grey_has_none():
    network = RecognitionNetwork(nodes=7, encoder="tiny", maps=3, black=0.02)
    grey = torch.rand(1, 1, 64, 64).expand(1, 3, 64, 64) + 0.1
    red = grey * torch.tensor([1.0, 0.5, 0.5])[None, :, None, None]

    assert network.pool(grey)[0, -1] == 0
    assert network.pool(red)[0, -1] == pytest.approx(float(grey.mean()) / 2, rel=1e-5)


def test_the_head_learns_and_the_encoder_stays_as_it_is():
    network = RecognitionNetwork(nodes=7, encoder="tiny", maps=3, black=0.02)
    network(torch.rand(2, 3, 64, 64)).square().sum().backward()

    assert network.head.weight.grad.any()
    assert all(parameter.grad is None for parameter in network.encoder.parameters())


def test_the_answer_on_each_level_is_what_the_network_is_sure_of(tree, recognition):
    found = questions(recognition.describe(logits_of(tree, {"thorax", "breast"}, 0.5)))

    assert list(found) == ["organ", "body_region", "view", "strangeness"]
    assert (found["body_region"].answer, found["organ"].answer, found["view"].answer) == ("thorax", "breast", NONE)
    assert found["strangeness"].value == 0.5


def test_a_child_has_no_more_than_its_parent_and_the_rest_is_none_of_these(tree, recognition):
    logits = logits_of(tree, {"thorax", "breast", "abdomen"}, 0.5)
    logits[tree.find("breast")] = 0.0
    found = questions(recognition.describe(logits))
    thorax, breast = found["body_region"].probabilities["thorax"], found["organ"].probabilities["breast"]

    assert breast == pytest.approx(thorax * 0.5 * (1 + math.exp(-3)), rel=1e-3)
    assert all(sum(found[name].probabilities.values()) == pytest.approx(1) for name in ("body_region", "organ", "view"))


@pytest.mark.parametrize(("strangeness", "answer"), [(0.9, "breast"), (1.1, NONE)])
def test_from_the_strangest_on_a_picture_is_none_of_these(tree, recognition, strangeness, answer):
    found = questions(recognition.describe(logits_of(tree, {"thorax", "breast"}, strangeness)))
    assert (found["organ"].answer, found["body_region"].answer) == (answer, answer if answer == NONE else "thorax")


def test_at_the_strangest_half_of_the_probability_is_left(tree, recognition):
    found = questions(recognition.describe(logits_of(tree, {"thorax", "breast"}, 1.0)))
    assert found["body_region"].probabilities[NONE] == pytest.approx(0.5)


def test_a_name_of_a_table_becomes_its_node(tree):
    transform = NodeOfColumnd("label", "organ", tree)
    nodes = [int(transform({"organ": name})["label"]) for name in ("Breast", "mammary gland", "")]

    assert [tree.nodes[nodes[0]].name, nodes[1] - nodes[0], nodes[2]] == ["breast", 0, -1]


def test_the_loss_is_low_where_the_whole_line_of_nodes_is_right(tree):
    loss, breast = RecognitionLoss(tree), torch.tensor([tree.find("breast")])
    right, wrong = (loss(logits_of(tree, names, 0.0)[None], breast) for names in ({"thorax", "breast"}, {"liver"}))

    assert right < 0.3
    assert wrong > 5


def items_of(images, seed):
    """Random pictures, each brighter than the last; of every third the node is not known."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.rand(images, 3, 64, 64, generator=generator) * torch.linspace(0.3, 1, images)[:, None, None, None]
    return [{"image": one, "label": torch.tensor(number % 3 - 1)} for number, one in enumerate(pictures)]


def test_the_strangeness_is_fitted_to_the_pictures_whose_node_is_known(tree):
    network = RecognitionNetwork(nodes=len(tree), encoder="tiny", maps=2, black=0.02).eval()
    known, held_out = items_of(12, seed=0), items_of(12, seed=1)
    fit_strangeness(network, known, held_out, shrinkage=0.05, false_alarms=0.25, batch_size=4)
    asked = network(torch.stack([item["image"] for item in held_out if item["label"] >= 0]))[:, -1]

    assert [int((asked > share + 1e-3).sum()) for share in (1, 0)] == [2, 4]


def test_the_metric_of_a_validation_is_the_share_of_right_nodes(tree):
    breast, liver = tree.find("breast"), tree.find("liver")
    items = [
        {"pred": logits_of(tree, {"thorax", "breast"}, 0.0), "label": breast},
        {"pred": logits_of(tree, {"thorax", "breast"}, 9.0), "label": liver},
        {"pred": logits_of(tree, {"thorax", "breast"}, 0.0), "label": -1},
    ]
    metric = build_node_accuracy(tree)
    metric.update(metric._output_transform(items))

    assert metric.compute() == 0.5


def test_a_cine_has_the_mean_of_its_frames(tree, recognition):
    frames = [recognition.describe(logits_of(tree, {"thorax", "breast"}, value)) for value in (0.5, 2.0, 0.5)]
    found = questions(mean_recognition(frames))

    assert found["organ"].answer == "breast"
    assert found["strangeness"].value == pytest.approx(1.0)
    expected = sum(questions(frame)["organ"].probabilities["breast"] for frame in frames) / 3
    assert found["organ"].probabilities["breast"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("organ", "right", "set_aside"), [("breast", 1, 0), ("fetal_head", 0, 0), ("none of these", 0, 0)]
)
def test_an_answer_is_right_or_wrong(recognition, organ, right, set_aside):
    known = read_known_tree(TREE, [*KNOWN, "fetal head"])
    outputs = Recognition(known, strangest=1, steepness=5.0).describe(logits_of(known, {"thorax", "breast"}, 0.5))
    scored = score_organ({"organ": organ, "outputs": outputs}, column="organ", tree=known)

    assert scored == {"organ_accuracy": right, "organ_none_of_these": set_aside}


def test_an_organ_below_which_the_table_names_a_view_is_asked_for(tree, recognition):
    outputs = recognition.describe(logits_of(tree, {"head and neck", "carotid artery"}, 0.5))
    item = {"organ": "carotid artery transverse view", "outputs": outputs}

    assert score_organ(item, column="organ", tree=tree)["organ_accuracy"] == 1


def test_a_region_alone_is_no_organ(tree, recognition):
    outputs = recognition.describe(logits_of(tree, {"thorax", "breast"}, 0.5))
    with pytest.raises(TableError, match="says 'thorax', which is a body region; needed the name of an organ"):
        score_organ({"organ": "thorax", "outputs": outputs}, column="organ", tree=tree)


def test_the_outputs_stand_in_the_item(tree, recognition):
    pred = logits_of(tree, {"thorax", "breast"}, 0.5)
    assert RecognitionOutputd("pred", recognition)({"pred": pred})["outputs"] == recognition.describe(pred)


@pytest.mark.parametrize("steepness", [0, -1])
def test_a_probability_that_would_not_fall_is_refused(tree, steepness):
    with pytest.raises(SettingsError, match=f"steepness is {steepness}; needed a number above 0"):
        Recognition(tree, strangest=1.0, steepness=steepness)
