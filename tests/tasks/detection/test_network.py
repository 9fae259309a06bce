"""The detection network and what its output means: boxes, places, and a loss that boxes lower."""

import numpy as np
import pytest
import torch
from monai.apps.detection.utils.box_coder import BoxCoder
from monai.data.box_utils import box_iou

from echocare_core.errors import SettingsError
from echocare_core.tasks.detection import BoxChoice, BoxCoding, DetectionLoss, DetectionNetwork

CLASSES = ("liver", "mass")


def network():
    return DetectionNetwork(classes=2, encoder="tiny", levels=3, width=16)


def coding():
    return BoxCoding(image_size=[128, 192], strides=[16, 32, 64], anchor_strides=3)


def loss_of():
    return DetectionLoss(coding(), candidates=9, gamma=2.0, alpha=0.25, box_weight=2.0)


def labelled(*rows, most=4):
    label = torch.full((1, most, 5), -1.0)
    label[0, : len(rows)] = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
    return label


def output_of(coded, boxes, classes, sure=6.0):
    """What a network says that is right: beside the anchor that overlaps most with each box the box, and its class."""
    said = torch.full((6, len(coded.anchors)), -sure)
    said[:4] = 0
    for box, number in zip(boxes, classes, strict=True):
        box = torch.tensor(box, dtype=torch.float32)
        place = int(box_iou(box[None], coded.anchors)[0].argmax())
        said[:4, place] = BoxCoder(weights=(1.0,) * 4).encode_single(box[None], coded.anchors[place][None])[0]
        said[4 + number, place] = sure
    return said


def test_every_place_of_the_pyramid_has_a_box_and_a_score_of_each_class():
    with torch.no_grad():
        output = network()(torch.rand(2, 3, 128, 192))
    assert output.shape == (2, 4 + 2, 8 * 12 + 4 * 6 + 2 * 3)
    assert len(coding().anchors) == output.shape[2]


def test_a_picture_that_the_pyramid_cannot_halve_is_refused():
    with pytest.raises(SettingsError, match=r"Image of 100x192 px; needed sides that are multiples of 64 px"):
        network()(torch.rand(1, 3, 100, 192))


def test_anchors_that_do_not_fit_the_picture_are_refused():
    with pytest.raises(SettingsError, match=r"image_size is \[100, 192\] with strides of \[16, 32\] px"):
        BoxCoding(image_size=[100, 192], strides=[16, 32], anchor_strides=3)


def test_anchors_stand_where_the_network_looks():
    """The places of the corners of a level look at pixels that lie to each other as their anchors do."""
    torch.manual_seed(0)
    looking, image = network().eval(), torch.rand(1, 3, 128, 192, requires_grad=True)
    output, anchors, looked = looking(image)[0], coding().anchors, {}
    for place in (0, 11, 84):  # of 8 x 12: the first, the end of its row, the end of its column
        weight = torch.autograd.grad(output[4, place], image, retain_graph=True)[0][0].square().sum(dim=0)
        rows, columns = weight.sum(dim=1) / weight.sum(), weight.sum(dim=0) / weight.sum()
        looked[place] = (float(rows @ torch.arange(128.0)), float(columns @ torch.arange(192.0)))
    assert looked[11][1] - looked[0][1] > 30
    assert anchors[11][1] - anchors[0][1] == 11 * 16
    assert looked[84][0] - looked[0][0] > 20
    assert anchors[84][0] - anchors[0][0] == 7 * 16


def test_what_a_network_rightly_says_costs_less_than_what_it_wrongly_says():
    box, loss, coded = (20.0, 30.0, 90.0, 150.0), loss_of(), coding()
    right, other_class = (output_of(coded, [box], [number])[None] for number in (0, 1))
    elsewhere = output_of(coded, [(60.0, 100.0, 120.0, 180.0)], [0])[None]
    cost = [float(loss(said, labelled((*box, 0)))) for said in (right, other_class, elsewhere)]
    assert cost[0] < min(cost[1:])


def test_a_picture_without_boxes_teaches_that_there_are_none():
    loss, coded = loss_of(), coding()
    quiet, loud = (output_of(coded, boxes, [0] * len(boxes))[None] for boxes in ([], [(20.0, 30.0, 90.0, 150.0)]))
    loud.requires_grad_(True)
    cost = loss(loud, labelled())
    cost.backward()
    assert float(loss(quiet, labelled())) < float(cost)
    assert loud.grad.abs().sum() > 0


def test_a_training_learns_where_a_disc_is():
    torch.manual_seed(0)
    learning, loss = network(), loss_of()
    optimizer = torch.optim.AdamW(learning.parameters(), lr=2e-3)
    image = torch.full((1, 3, 128, 192), 0.2)
    image[..., 40:90, 30:120] = 0.9
    first = None
    for _ in range(12):
        optimizer.zero_grad()
        cost = loss(learning(image), labelled((40, 30, 90, 120, 1)))
        cost.backward()
        optimizer.step()
        first = first or float(cost)
    assert float(cost) < 0.6 * first


def choice(**settings):
    given = {"classes": CLASSES, "single": [], "candidate_score": 0.1, "most_iou": 0.5, "most_boxes": 9, **settings}
    return BoxChoice(coding(), **given)


def test_boxes_come_back_out_of_the_output():
    boxes = [(20.0, 30.0, 90.0, 150.0), (90.0, 10.0, 120.0, 60.0)]
    found = choice()(output_of(coding(), boxes, [0, 1])).numpy()
    found = found[found[:, 0].argsort()]
    np.testing.assert_allclose(found[:, :4], boxes, atol=1e-3)
    np.testing.assert_allclose(found[:, 4:], [[0.9975, 0], [0.9975, 1]], atol=1e-3)


def test_of_what_a_picture_has_once_the_surest_is_kept():
    boxes = [(20.0, 30.0, 60.0, 80.0), (70.0, 110.0, 120.0, 180.0)]
    output = output_of(coding(), boxes, [0, 0])
    assert len(choice()(output)) == 2
    assert len(choice(single=["liver"])(output)) == 1
    assert len(choice(single=["mass"])(output)) == 2


def test_a_box_is_cut_at_the_edge_and_an_unsure_one_left_out():
    output = output_of(coding(), [(-20.0, 30.0, 60.0, 80.0)], [0])
    assert choice()(output)[0, 0] == 0
    assert len(choice(candidate_score=0.999)(output)) == 0
