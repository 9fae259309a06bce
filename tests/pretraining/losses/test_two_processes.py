"""Two processes with half a batch each have, together, the loss and the gradient of one with all of it."""

import os
from datetime import timedelta

import numpy as np
import pytest
import torch
from organ_trees import DEEP, tree_tensors
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from echocare_core.distributed import (
    all_gather,
    all_gather_lists,
    all_reduce_max,
    all_reduce_sum,
    rank,
    world_size,
)
from echocare_core.pretraining.losses.contrast import contrast_levels, hierarchical_contrast, tree_triplet
from echocare_core.pretraining.losses.distillation import feature_distillation
from echocare_core.pretraining.losses.mining import ranking_loss
from echocare_core.pretraining.losses.pixel_tree import pixel_tree_loss
from echocare_core.pretraining.losses.places import place_contrast
from echocare_core.pretraining.losses.reconstruction import masked_l1
from echocare_core.pretraining.losses.tree_min import tree_min_loss

IMAGES, FEATURES, PLACES, PROCESSES = 8, 12, 3, 2
PATIENCE = timedelta(minutes=2)  # with a process that does not come
LIVER_AND_MASS = np.array([[True, False], [True, True]])
STATES = torch.tensor([[-1, -1], [0, 0], [1, 0], [1, 1]], dtype=torch.int8)
LEVEL_WEIGHTS = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0])


def whole_batch():
    """What eight images bring; the halves differ in how much of them counts."""
    generator = torch.Generator().manual_seed(5)
    nodes, groups = torch.tensor([4, 4, 5, 6, 8, 1, -1, -1]), torch.tensor([0, 1, 0, 1, 2, 2, -1, -1])
    pixels_up_to = torch.tensor([0, 0, 1, 2, 3, 3, 3, 3], dtype=torch.uint8)[:, None, None]
    labels = contrast_levels(nodes, groups, torch.arange(IMAGES), tree_tensors(DEEP)[1])
    return {
        "first": torch.randn(IMAGES, FEATURES, generator=generator),
        "second": torch.randn(IMAGES, FEATURES, generator=generator),
        "target": torch.rand(IMAGES, 3, 2, 2, generator=generator),
        "losses": torch.rand(IMAGES, 3, 4, generator=generator),
        "hidden": torch.rand(IMAGES, 3, 4, generator=generator) < torch.linspace(0.2, 1, IMAGES)[:, None, None],
        "scored": torch.rand(IMAGES, 2, 2, generator=generator) < torch.linspace(0.2, 1, IMAGES)[:, None, None],
        "shown": torch.rand(IMAGES, PLACES, generator=generator) < torch.linspace(0.2, 1, IMAGES)[:, None],
        "pixels": torch.randint(4, (IMAGES, 2, 3), generator=generator, dtype=torch.uint8).clamp(max=pixels_up_to),
        "nodes": nodes,
        "labels": labels,
    }


def contrasted(network, rows, loss, *settings, **options):
    embeddings = torch.cat([network(rows["first"]), network(rows["second"])])
    return loss(embeddings, rows["labels"].repeat(2, 1), *settings, **options)


def places_contrasted(network, rows, shown):
    here, there = (network(rows[name]).view(len(shown), PLACES, -1) for name in ("first", "second"))
    return place_contrast(here, there, shown, 0.1)


def columns_compared(network, own):
    """This process's summands of a loss whose gradient comes back to the gathered rows column by column."""
    weights = torch.linspace(-1, 1, FEATURES * IMAGES).view(FEATURES, IMAGES)
    return torch.relu(all_gather(network(own)).t().contiguous() * weights).sum() / world_size()


def shown_in_one_half(rows):
    return rows["shown"] & (rows["labels"][:, -1:] >= IMAGES // 2)


LOSSES = {
    "masked L1": lambda network, rows: masked_l1(
        network(rows["first"]).view(-1, 3, 2, 2), rows["target"], rows["scored"]
    ),
    "tree-min": lambda network, rows: tree_min_loss(
        network(rows["first"])[:, : len(DEEP)], rows["nodes"], *tree_tensors(DEEP)
    ),
    "ranking": lambda network, rows: ranking_loss(
        network(rows["first"]).view(-1, 3, 4), rows["losses"], rows["hidden"]
    ),
    "ordered contrast": lambda network, rows: contrasted(
        network, rows, hierarchical_contrast, 0.1, LEVEL_WEIGHTS, ordered=True
    ),
    "free contrast": lambda network, rows: contrasted(
        network, rows, hierarchical_contrast, 0.1, LEVEL_WEIGHTS, ordered=False
    ),
    "triplet": lambda network, rows: contrasted(network, rows, tree_triplet),
    "pixels": lambda network, rows: pixel_tree_loss(
        network(rows["first"]).view(-1, 2, 2, 3), rows["pixels"], STATES, LIVER_AND_MASS
    ),
    "distillation": lambda network, rows: feature_distillation(network(rows["first"]), rows["second"]),
    "columns of gathered rows": lambda network, rows: columns_compared(network, rows["first"]),
    "places": lambda network, rows: places_contrasted(network, rows, rows["shown"]),
    "places of one half": lambda network, rows: places_contrasted(network, rows, shown_in_one_half(rows)),
}


def layer():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        return nn.Linear(FEATURES, FEATURES)


def loss_and_gradients(name, network, rows):
    """The loss over all processes, and the gradients that an optimiser sees."""
    network.zero_grad(set_to_none=True)
    summands = LOSSES[name](network, rows)
    (summands * world_size()).backward()
    return all_reduce_sum(summands).item(), [weight.grad.clone() for weight in network.parameters()]


def one_of_two(number, folder):
    """A process of two: every loss on its half of the batch, written to a file of its own."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", f"file://{folder}/meeting", rank=number, world_size=PROCESSES, timeout=PATIENCE
    )
    rows = {name: whole.chunk(PROCESSES)[number] for name, whole in whole_batch().items()}
    network = DistributedDataParallel(layer())
    found = {name: loss_and_gradients(name, network, rows) for name in LOSSES}
    found["rank"], found["processes"] = rank(), world_size()
    found["rows"] = all_gather(rows["nodes"])
    found["lists"] = all_gather_lists([{"of": rank()}] * rank())  # of the first none
    found["largest"] = all_reduce_max(torch.tensor([float(number), -float(number)]))
    torch.save(found, os.path.join(folder, f"{number}.pt"))
    distributed.barrier()
    os._exit(0)  # gloo's destructor can wait for a thread that waits for Python


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(one_of_two, (str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f"{number}.pt") for number in range(PROCESSES)]


@pytest.mark.parametrize("name", LOSSES)
def test_two_processes_have_the_loss_and_gradient_of_one(both, name):
    loss, gradients = loss_and_gradients(name, layer(), whole_batch())
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients)
    for of_process in both:
        assert of_process[name][0] == pytest.approx(loss, rel=1e-5)
        for found, wanted in zip(of_process[name][1], gradients, strict=True):
            assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_the_batch_is_one_in_which_the_order_of_levels_matters():
    ordered, free = (
        loss_and_gradients(name, layer(), whole_batch())[0] for name in ("ordered contrast", "free contrast")
    )
    assert ordered > free + 0.01


def test_processes_know_their_number_and_how_many_they_are(both):
    assert [(of_process["rank"], of_process["processes"]) for of_process in both] == [(0, 2), (1, 2)]
    assert (rank(), world_size()) == (0, 1)


def test_rows_are_gathered_in_order_and_the_largest_is_taken_place_by_place(both):
    for of_process in both:
        assert torch.equal(of_process["rows"], whole_batch()["nodes"])
        assert of_process["lists"] == [{"of": 1}]
        assert of_process["largest"].tolist() == [1.0, 0.0]


def test_alone_a_process_has_its_own_rows_and_numbers_without_gradient():
    rows = torch.rand(3, 2, requires_grad=True)
    assert all_gather(rows) is rows
    assert torch.equal(all_reduce_sum(rows), rows)
    assert not all_reduce_sum(rows).requires_grad
    assert torch.equal(all_reduce_max(rows), rows)
