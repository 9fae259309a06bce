"""Where a classifier is taught to look: attention over places, and evidence that is to lie on the lesion."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from PIL import Image
from small_tables import write_table
from torch import nn
from torch.nn import functional

from echocare_core.bundle import find_bundle
from echocare_core.errors import TableError
from echocare_core.tasks.evidence import AttentionNetwork, EvidenceLoss, LoadLesiond, class_and_lesion

LESION = torch.zeros(1, 1, 8, 8)
LESION[..., :2, :2] = 1  # the upper left of 4 x 4 places of 2 x 2 pixels


def logits_at(place, size=4):
    """Evidence for class 1 of 2 at one place of size x size, and at no other."""
    logits = torch.zeros(1, 2, size, size)
    logits[0, 1, place[0], place[1]] = 8.0
    return logits


def loss_of(logits, lesion=LESION, outside=1.0, label=1):
    target = {"label": torch.full((len(logits),), label), "lesion": lesion}
    return float(EvidenceLoss(label_smoothing=0.0, outside=outside)(logits, target))


@pytest.mark.parametrize("size", [(64, 64), (64, 96), (72, 64)])
def test_an_image_of_any_size_gets_logits_of_each_place(size):
    network = AttentionNetwork(classes=3, encoder="tiny", dropout=0.0)
    height, width = (-(-side // 32) for side in size)
    assert network(torch.rand(2, 3, *size)).shape == (2, 3, height, width)


def test_every_parameter_learns():
    network = AttentionNetwork(classes=2, encoder="tiny", dropout=0.0)
    network(torch.rand(2, 3, 64, 64)).square().sum().backward()
    learned = [*network.head.parameters(), network.attention.weight, network.encoder.patch_embed.proj.weight]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in learned)


def test_the_mean_over_the_places_is_the_linear_layer_on_what_attention_picks():
    network = AttentionNetwork(classes=2, encoder="tiny", dropout=0.0).eval()
    image = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        fine, deep = network.encoder(image)[-2:]
        both = torch.cat([fine, functional.interpolate(deep, fine.shape[-2:], mode="bilinear")], dim=1)[0].flatten(1)
        attention = torch.softmax(both.T @ network.attention.weight[0], dim=0)
        expected = network.head[1](both @ attention)
        assert torch.allclose(network(image).mean(dim=(-2, -1))[0], expected, atol=1e-5)


def test_evidence_beside_the_lesion_costs_and_evidence_on_it_does_not():
    classes_alone = loss_of(logits_at((0, 0)), outside=0.0)
    assert loss_of(logits_at((0, 0))) == pytest.approx(classes_alone)
    assert loss_of(logits_at((3, 3))) == pytest.approx(classes_alone + 1)


def test_evidence_half_beside_the_lesion_costs_half():
    half = logits_at((0, 0)) + logits_at((3, 3))
    assert loss_of(half, outside=0.6) == pytest.approx(loss_of(half, outside=0.0) + 0.3)


def test_where_no_lesion_is_drawn_the_place_of_the_evidence_is_free():
    nowhere = torch.zeros_like(LESION)
    assert loss_of(logits_at((3, 3)), nowhere) == pytest.approx(loss_of(logits_at((3, 3)), nowhere, outside=0.0))


def test_pictures_without_a_drawn_lesion_do_not_thin_out_the_cost_of_the_others():
    both, lesions = logits_at((3, 3)).repeat(2, 1, 1, 1), torch.cat([LESION, torch.zeros_like(LESION)])
    assert loss_of(both, lesions) == pytest.approx(loss_of(both, lesions, outside=0.0) + 1)


def test_a_lesion_smaller_than_a_place_counts():
    small = torch.zeros(1, 1, 64, 64)
    small[..., 63, 63] = 1
    assert loss_of(logits_at((3, 3)), small) == pytest.approx(loss_of(logits_at((3, 3)), small, outside=0.0))


def test_the_same_number_on_every_logit_of_a_place_is_no_evidence():
    logits = logits_at((0, 0))
    logits[..., 3, 3] += 100
    assert loss_of(logits) == pytest.approx(loss_of(logits, outside=0.0))


def test_of_logits_of_the_picture_alone_the_classes_count():
    logits = torch.tensor([[0.0, 2.0]])
    assert loss_of(logits) == pytest.approx(float(nn.functional.cross_entropy(logits, torch.tensor([1]))))


def test_evidence_is_drawn_onto_the_lesion():
    places = nn.Parameter(torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0)))
    optimizer, loss = torch.optim.Adam([places], lr=0.1), EvidenceLoss(label_smoothing=0.1, outside=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        loss(places, {"label": torch.tensor([1]), "lesion": LESION}).backward()
        optimizer.step()
    evidence = (places[:, 1] - places[:, 0]).abs()[0]
    assert float(evidence[0, 0] / evidence.sum()) > 0.9


def item_with(mask, size=(6, 8)):
    return {"image": MetaTensor(torch.zeros(3, *size)), "mask": str(mask)}


def lesion_of(item, lesion=None):
    return LoadLesiond("lesion", mask_key="mask", image_key="image", lesion=lesion)(item)["lesion"]


@pytest.mark.parametrize(("lesion", "pixels"), [(None, 5), (2, 1)])
def test_the_lesion_is_the_label_that_is_asked_for_or_all_that_is_drawn(lesion, pixels, tmp_path: Path):
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[0, :4], mask[5, 7] = 1, 2
    Image.fromarray(mask).save(tmp_path / "mask.png")
    found = lesion_of(item_with(tmp_path / "mask.png"), lesion)
    assert found.shape == (1, 6, 8)
    assert float(found.sum()) == pixels
    assert float(found[0, 5, 7]) == 1


@pytest.mark.parametrize("mask", ["", "nothing"])
def test_without_a_mask_no_lesion_is_known(mask):
    assert not lesion_of(item_with(mask)).any()


def test_an_item_without_the_column_has_no_lesion():
    assert not lesion_of({"image": MetaTensor(torch.zeros(3, 6, 8))}).any()


def test_a_mask_of_another_size_than_its_picture_is_refused(tmp_path):
    Image.new("L", (3, 3)).save(tmp_path / "mask.png")
    with pytest.raises(TableError, match="needed that of its image"):
        lesion_of(item_with(tmp_path / "mask.png"))


def test_a_batch_gives_the_loss_both_the_class_and_the_lesion():
    batch = {"image": torch.zeros(2, 3, 8, 8), "label": torch.tensor([0, 1]), "lesion": LESION.repeat(2, 1, 1, 1)}
    image, target = class_and_lesion(batch, "cpu")
    assert image.shape == (2, 3, 8, 8)
    assert target["label"].tolist() == [0, 1]
    assert torch.equal(target["lesion"], batch["lesion"])


@pytest.mark.parametrize("masks", [True, False], ids=["with masks", "without"])
def test_a_bundle_trains_on_classes_with_the_lesions_that_its_table_has(masks, tmp_path):
    folder = write_table(tmp_path / "data", columns={"pathology": ["benign", "malignant"]})
    if not masks:
        table = pd.read_csv(folder / "table.csv").drop(columns="mask")
        table.to_csv(folder / "table.csv", index=False)
    parser = ConfigParser()
    parser.read_config(find_bundle("breast_lesion_classification") / "configs" / "train.json")
    parser.update({"dataset_dir": str(folder), "augment": []})
    items = list(parser.get_parsed_content("train#dataset"))
    assert [bool(item["lesion"].any()) for item in items] == [masks] * 4
    assert [int(item["label"]) for item in items] == [0, 1, 0, 1]


@pytest.mark.parametrize("name", ["breast_birads", "breast_lesion", "liver_lesion", "ovarian_tumor", "thyroid_nodule"])
def test_a_bundle_is_taught_to_look_where_its_evaluation_asks_whether_it_looked(name):
    configs = find_bundle(f"{name}_classification") / "configs"
    train, evaluate = (ConfigParser.load_config_file(configs / one) for one in ("train.json", "evaluate.json"))
    assert train["lesion"] == evaluate["lesion"]
    assert train["outside"] > 0
