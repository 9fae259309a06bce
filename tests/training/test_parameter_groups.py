"""The encoder's learning rate beside that of the rest."""

import pytest
import torch
from small_network import small_network
from torch import nn

from echocare_core.errors import SettingsError
from echocare_core.models.tuning import MODES, Tuning
from echocare_core.training import build_parameter_groups, place_network, warmup_cosine
from echocare_core.training.parameter_groups import count_learning


def rates_of(network, optimizer):
    """Learning rate of each parameter, by name."""
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    return {name: rates[id(one)] for name, one in network.named_parameters()}


def test_the_encoder_alone_gets_the_smaller_rate():
    network = small_network()
    optimizer = torch.optim.AdamW(build_parameter_groups(network, learning_rate=0.01, encoder_factor=0.25))
    for name, rate in rates_of(network, optimizer).items():
        assert rate == (0.0025 if name.startswith("encoder.") else 0.01)


def test_every_parameter_is_in_one_group():
    network = small_network()
    groups = build_parameter_groups(network, learning_rate=0.01, encoder_factor=0.5)
    assert sorted(id(one) for group in groups for one in group["params"]) == sorted(map(id, network.parameters()))


def test_the_first_group_is_the_one_with_the_learning_rate_that_was_asked_for():
    groups = build_parameter_groups(small_network(), learning_rate=0.01, encoder_factor=0.5)
    assert [group["lr"] for group in groups] == [0.01, 0.005]


@pytest.mark.parametrize("network", [nn.Linear(2, 1), nn.Sequential(nn.Conv2d(3, 2, 1))])
def test_a_network_without_an_encoder_learns_at_one_rate(network):
    [group] = build_parameter_groups(network, learning_rate=0.01, encoder_factor=0.5)
    assert group["lr"] == 0.01
    assert len(group["params"]) == len(list(network.parameters()))


def test_a_schedule_keeps_the_ratio_of_the_rates():
    optimizer = torch.optim.SGD(build_parameter_groups(small_network(), learning_rate=0.01, encoder_factor=0.25))
    schedule = warmup_cosine(optimizer, warmup_steps=2, steps=10)
    for _ in range(6):
        rest, encoder = (group["lr"] for group in optimizer.param_groups)
        assert encoder == pytest.approx(0.25 * rest)
        optimizer.step()
        schedule.step()


def test_a_factor_of_zero_leaves_the_encoder_as_it_is():
    network = small_network()
    before = {name: one.clone() for name, one in network.named_parameters()}
    optimizer = torch.optim.SGD(build_parameter_groups(network, learning_rate=0.1, encoder_factor=0.0))
    network(torch.rand(1, 3, 128, 128))[:, 1].square().mean().backward()
    optimizer.step()
    moved = {name for name, one in network.named_parameters() if not torch.equal(one, before[name])}
    assert moved
    assert not any(name.startswith("encoder.") for name in moved)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf")])
def test_a_factor_that_is_no_share_is_refused(factor):
    with pytest.raises(SettingsError, match=rf"encoder_factor is {factor}; needed a number from 0"):
        build_parameter_groups(small_network(), learning_rate=0.1, encoder_factor=factor)


def tuned(mode):
    return Tuning(mode, layer_decay=0.5, lora_rank=2, lora_alpha=2.0)


@pytest.mark.parametrize("mode", MODES)
def test_an_optimiser_gets_what_learns_and_nothing_else(mode):
    network = place_network(small_network(), "cpu", tuning=tuned(mode))
    groups = build_parameter_groups(network, learning_rate=0.01, encoder_factor=1.0, tuning=tuned(mode))
    given = [id(one) for group in groups for one in group["params"]]
    assert sorted(given) == sorted(id(one) for one in network.parameters() if one.requires_grad)
    assert groups[0]["lr"] == 0.01


def test_the_rates_of_layers_are_shares_of_that_of_the_encoder():
    tuning = tuned("layer_decay")
    groups = build_parameter_groups(small_network(), learning_rate=0.01, encoder_factor=0.2, tuning=tuning)
    assert [group["lr"] for group in groups] == pytest.approx([0.01, 1e-3, 5e-4, 2.5e-4, 1.25e-4, 6.25e-5, 3.125e-5])


@pytest.mark.parametrize(("mode", "factor"), [("full", 1.0), ("full", 0.0), ("frozen", 1.0), ("lora", 1.0)])
def test_what_learns_is_counted(mode, factor):
    whole = small_network()
    of_encoder, in_all = (sum(one.numel() for one in part.parameters()) for part in (whole.encoder, whole))
    linear = [one for one in whole.encoder.modules() if isinstance(one, nn.Linear)]
    added = sum(2 * sum(one.weight.shape) for one in linear) if mode == "lora" else 0
    network = place_network(whole, "cpu", tuning=tuned(mode))
    groups = build_parameter_groups(network, learning_rate=0.01, encoder_factor=factor, tuning=tuned(mode))
    found = count_learning(network, torch.optim.SGD(groups))
    learns = in_all if (mode, factor) == ("full", 1.0) else in_all - of_encoder + added
    assert found == (learns, in_all + added)
    assert str(found).startswith(f"{learns:,} of ")
