"""Training on rows of which some descriptors are unknown."""

import numpy as np
import pytest
import torch
from monai.data import Dataset
from torch.nn import functional

from echocare_core.errors import TableError
from echocare_core.tasks.calibration import CALIBRATION
from echocare_core.tasks.report import (
    ClassesOfColumnsd,
    DescriptorLoss,
    ReportNetwork,
    build_descriptor_likelihood,
    calibrate_descriptors,
    start_from_shares,
)
from echocare_core.training import FlipInferer


def test_classes_of_a_row_become_numbers_and_empty_cells_unknown(lexicon):
    item = ClassesOfColumnsd("label", lexicon)({"skin": "thick", "margin": "", "spikes": "no", "grade": "high"})
    assert item["label"].tolist() == [1, -1, 0, 2]


def test_a_class_that_the_lexicon_lacks_is_refused(lexicon):
    with pytest.raises(TableError, match="column margin says 'soft'; needed sharp, vague"):
        ClassesOfColumnsd("label", lexicon)({"skin": "", "margin": "soft", "spikes": "", "grade": ""})


def test_the_loss_is_the_mean_of_the_cross_entropies_of_what_is_known(lexicon):
    pred = torch.randn(3, 9, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([[1, -1, -1, 2], [0, -1, -1, -1], [-1, -1, -1, 0]])
    skin = functional.cross_entropy(pred[:2, :2], torch.tensor([1, 0]), label_smoothing=0.1)
    grade = functional.cross_entropy(pred[[0, 2], 6:], torch.tensor([2, 0]), label_smoothing=0.1)
    assert DescriptorLoss(lexicon, 0.1)(pred, classes).item() == pytest.approx(((skin + grade) / 2).item())


def test_what_is_unknown_pulls_at_no_logit(lexicon):
    pred = torch.zeros(2, 9, requires_grad=True)
    DescriptorLoss(lexicon, 0.1)(pred, torch.tensor([[1, -1, -1, -1], [-1, -1, -1, -1]])).backward()
    assert (pred.grad[0, :2] != 0).all()
    assert pred.grad[:, 2:].abs().sum() == pred.grad[1].abs().sum() == 0


def test_a_batch_of_which_nothing_is_known_changes_nothing(lexicon):
    pred = torch.zeros(2, 9, requires_grad=True)
    loss = DescriptorLoss(lexicon, 0.1)(pred, torch.full((2, 4), -1))
    loss.backward()
    assert loss.item() == pred.grad.abs().sum().item() == 0


def likelihood(lexicon, pred, classes):
    metric = build_descriptor_likelihood(lexicon)
    metric.update(metric._output_transform([{"pred": p, "label": c} for p, c in zip(pred, classes, strict=True)]))
    return metric.compute()


def test_the_key_metric_is_the_mean_log_likelihood_of_what_is_known(lexicon):
    pred = torch.randn(3, 9, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([[1, -1, -1, 2], [0, -1, -1, -1], [-1, -1, -1, 0]])
    skin = pred[:, :2].log_softmax(1)[[0, 1], [1, 0]].mean()
    grade = pred[:, 6:].log_softmax(1)[[0, 2], [2, 0]].mean()
    assert likelihood(lexicon, pred, classes) == pytest.approx(float(skin + grade) / 2)


def test_the_key_metric_of_nothing_known_is_unknown(lexicon):
    assert np.isnan(likelihood(lexicon, torch.zeros(2, 9), torch.full((2, 4), -1)))


def test_the_network_has_an_output_for_each_class_and_looks_at_both_pictures(lexicon):
    network = ReportNetwork(lexicon=lexicon, encoder="tiny", dropout=0.0).eval()
    torch.nn.init.normal_(network.head[-1].weight, generator=torch.Generator().manual_seed(0))
    image = torch.rand(2, 6, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, other = network(image), network(torch.cat([image[:, :3], 1 - image[:, 3:]], dim=1))
    assert logits.shape == (2, 9)
    assert (logits - other).abs().max() > 1e-4


def test_the_network_learns_in_its_head_alone(lexicon):
    network = ReportNetwork(lexicon=lexicon, encoder="tiny", dropout=0.0)
    network(torch.rand(2, 6, 64, 64)).sum().backward()
    assert {name for name, one in network.named_parameters() if one.grad is not None} == {
        "head.2.weight",
        "head.2.bias",
    }


def test_the_network_begins_with_the_answer_of_the_majority(lexicon):
    network = ReportNetwork(lexicon=lexicon, encoder="tiny", dropout=0.0).eval()
    cells = [("thin", "low"), ("thin", "high"), ("thin", ""), ("thick", "")]
    items = [{"skin": skin, "margin": "", "spikes": "", "grade": grade} for skin, grade in cells]
    start_from_shares(network, Dataset(items), lexicon)
    with torch.no_grad():
        skin, margin, _, grade = network(torch.rand(1, 6, 64, 64))[0].softmax(0).split(lexicon.sizes)

    assert (skin / skin.sum()).tolist() == pytest.approx([3.5 / 5, 1.5 / 5])
    assert (margin / margin.sum()).tolist() == pytest.approx([0.5, 0.5])
    assert (grade / grade.sum()).tolist() == pytest.approx([3 / 7, 1 / 7, 3 / 7])


class Steep(torch.nn.Module):
    """Logits of skin that are as sure as `steepness`; those of grade are right in half of the images."""

    def __init__(self):
        super().__init__()
        self.steepness = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, image):
        sign = self.steepness * image.mean(dim=(1, 2, 3))
        return torch.stack([-sign, sign, *[torch.zeros_like(sign)] * 4, sign, -sign, -9 * sign.abs()], dim=1)


def test_each_descriptor_gets_the_temperature_of_the_images_that_know_it(lexicon, tmp_path):
    torch.save({"steepness": torch.tensor(3.0)}, tmp_path / "best.pt")
    signs = np.where(np.arange(40) % 2, 1.0, -1.0)
    skins = np.where(np.arange(40) % 10 == 0, signs < 0, signs > 0).astype(int)  # nine of ten are right
    items = [
        {"image": torch.full((6, 4, 4), float(sign)), "label": torch.tensor([skin, -1, -1, -1])}
        for sign, skin in zip(signs, skins, strict=True)
    ]
    found = calibrate_descriptors(
        tmp_path / "best.pt", network=Steep(), dataset=Dataset(items), inferer=FlipInferer(), batch_size=8,
        lexicon=lexicon,
    )  # fmt: skip
    assert (tmp_path / CALIBRATION).is_file()
    assert found["temperatures"]["skin"] == pytest.approx(6.0 / np.log(9), rel=0.02)
    assert found["temperatures"]["grade"] == found["temperatures"]["margin"] == 1.0
