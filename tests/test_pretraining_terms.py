"""What the terms of the structured contrast cost, as `benchmarks/pretraining_terms.py` counts it."""

import sys
from pathlib import Path

import pytest
import torch
from small_network import SMALLEST

from echocare_core.models import EchoCare
from echocare_core.pretraining.organs.tree import read_tree


@pytest.fixture
def terms(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "benchmarks")
    import pretraining_terms

    yield pretraining_terms
    del sys.modules["pretraining_terms"]


def counted(terms, call):
    with terms.Counter() as counter:
        call()
    return counter


@pytest.mark.parametrize(
    ("call", "waits"),
    [
        (lambda numbers, mask: numbers * 2, 0),
        (lambda numbers, mask: numbers[torch.tensor([0, 2])], 0),
        (lambda numbers, mask: float(numbers[0]), 1),
        (lambda numbers, mask: bool(mask.any()), 1),
        (lambda numbers, mask: numbers[mask], 1),
        (lambda numbers, mask: numbers.masked_fill(mask, 0), 0),
        (lambda numbers, mask: numbers.clone().__setitem__(mask, numbers[:2]), 1),
        (lambda numbers, mask: torch.linalg.inv(torch.eye(2)), 1),
    ],
)
def test_reading_a_value_or_counting_rows_is_a_wait(terms, call, waits):
    assert counted(terms, lambda: call(torch.rand(4), torch.tensor([True, False, True, False]))).waits == waits


@pytest.mark.parametrize("variant", ["image, groups and organs", "image, tree labels", "image, places", "all"])
def test_no_term_makes_the_program_wait_more_often_than_the_image_alone(terms, variant):
    tree = read_tree(terms.TREE)
    network = EchoCare(SMALLEST, nodes=len(tree), decoder=None, decoder_width=8, projector_width=8, place_width=8)
    batch = terms.make_batch(tree, 4, torch.device("cpu"))
    more, image = (terms.make_step(network, tree, name, 64, batch) for name in (variant, "image"))
    more()  # makes the tables of the encoder
    assert counted(terms, more).operators > counted(terms, image).operators
    assert counted(terms, more).waits == counted(terms, image).waits
