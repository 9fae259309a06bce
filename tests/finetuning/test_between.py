"""Between the weights of the start and the trained ones the mean that does best on val is chosen."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from echocare_core.finetuning.between import choose_between


def choose(tmp_path, metric_of, shares):
    """From weights of 0 to weights of 8, a validator that scores what the weight is."""
    for name, value in (("start", 0.0), ("trained", 8.0)):
        torch.save({"weight": torch.full((1, 1), value, dtype=torch.float16)}, tmp_path / f"{name}.pt")
    network = nn.Linear(1, 1, bias=False)
    validator = SimpleNamespace(state=SimpleNamespace(key_metric_name="dice", metrics={}))
    validator.run = lambda: validator.state.metrics.update(dice=metric_of(network.weight.item()))
    return choose_between(network, validator, tmp_path / "start.pt", tmp_path / "trained.pt", shares)


@pytest.mark.parametrize(("best", "share"), [(8, 0.0), (6, 0.25), (4, 0.5), (0, 1.0)])
def test_the_best_mean_is_chosen(best, share, tmp_path):
    found = choose(tmp_path, lambda weight: -abs(weight - best), [0.0, 0.25, 0.5, 1.0])
    assert found.share == share
    assert found.state["weight"].item() == best
    assert found.state["weight"].dtype == torch.float32
    assert found.metrics == {one: -abs(8 - 8 * one - best) for one in (0.0, 0.25, 0.5, 1.0)}


def test_of_two_that_do_equally_well_the_nearer_to_the_start_is_chosen(tmp_path):
    assert choose(tmp_path, lambda weight: min(weight, 4.0), [1.0, 0.0, 0.5]).share == 0.5
