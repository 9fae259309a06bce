"""Each mode of tuning lets learn what it says, starts from what was given, and ends in an ordinary network."""

import copy

import pytest
import torch
from small_network import SMALLEST, small_network
from torch import nn

from echocare_core.errors import SettingsError
from echocare_core.models.layers import Linear
from echocare_core.models.precision import computing_in
from echocare_core.models.tuning import MODES, LowRank, Tuning, merge_adapters, merged_state
from echocare_core.tasks.classification import ClassificationNetwork

IMAGE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))


def tuning(mode, **numbers):
    return Tuning(mode, **{"layer_decay": 0.5, "lora_rank": 2, "lora_alpha": 4.0, **numbers})


def small_classifier():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return ClassificationNetwork(classes=2, encoder=SMALLEST, dropout=0.0).eval()


def prepared(mode, build=small_network):
    network = build()
    tuning(mode).prepare(network)
    return network


def learn(network, steps=2):
    """Some steps on anything, at one rate, of what may learn."""
    optimizer = torch.optim.SGD([one for one in network.parameters() if one.requires_grad], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        network(IMAGE)[:, 1].square().mean().backward()
        optimizer.step()


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def linear_weights(network):
    return {f"{name}.weight" for name, one in network.encoder.named_modules(prefix="encoder") if type(one) is Linear}


@pytest.mark.parametrize("build", [small_network, small_classifier])
@pytest.mark.parametrize("mode", MODES)
def test_the_start_is_what_was_given_to_the_bit(mode, build):
    given, network = build(), prepared(mode, build)
    assert torch.equal(network(IMAGE), given(IMAGE))
    with torch.no_grad():
        assert torch.equal(network(IMAGE), given(IMAGE))


@pytest.mark.parametrize("build", [small_network, small_classifier])
def test_of_a_frozen_encoder_nothing_moves_and_the_rest_does(build):
    before, network = build().state_dict(), prepared("frozen", build)
    learn(network)
    found = moved(before, network.state_dict())
    assert found
    assert not any(name.startswith("encoder.") for name in found)


def test_no_gradient_goes_through_a_frozen_encoder():
    assert not any(features.requires_grad for features in prepared("frozen").encoder(IMAGE))


@pytest.mark.parametrize("build", [small_network, small_classifier])
def test_of_an_encoder_with_adapters_the_linear_weights_alone_move(build):
    before, network = build().state_dict(), prepared("lora", build)
    learn(network)
    found = {name for name in moved(before, merged_state(network)) if name.startswith("encoder.")}
    assert found == linear_weights(build())
    assert any(name.startswith("encoder.") for name in found)


def test_what_an_adapter_adds_has_its_rank():
    before, network = small_network().state_dict(), prepared("lora")
    learn(network)
    after = merged_state(network)
    for name in linear_weights(small_network()):
        assert torch.linalg.matrix_rank(after[name] - before[name], tol=1e-6) <= 2


@pytest.mark.parametrize("mode", ["full", "layer_decay"])
def test_the_whole_network_learns(mode):
    before, network = small_network().state_dict(), prepared(mode)
    learn(network)
    learnt = {name for name, _ in network.named_parameters()}
    assert all(one.requires_grad for one in network.parameters())
    assert moved(before, network.state_dict()) <= learnt


def test_merged_weights_are_those_of_an_ordinary_network_and_give_what_the_adapted_ones_gave():
    network, plain = prepared("lora"), small_network()
    learn(network)
    with torch.no_grad():
        wanted = network(IMAGE)
    state = merged_state(network)
    assert {name: one.shape for name, one in state.items()} == {n: one.shape for n, one in plain.state_dict().items()}
    plain.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(plain(IMAGE), wanted, atol=1e-6, rtol=1e-6)


def test_merging_leaves_an_ordinary_network_with_the_same_weights():
    network = prepared("lora")
    learn(network)
    wanted = copy.deepcopy(merged_state(network))
    merge_adapters(network)
    torch.testing.assert_close(network.state_dict(), wanted, atol=0, rtol=0)
    assert {type(one) for one in network.modules()} == {type(one) for one in small_network().modules()}


def test_a_network_without_adapters_is_merged_as_it_is():
    network = small_network()
    torch.testing.assert_close(merged_state(network), network.state_dict(), atol=0, rtol=0)


def test_gradients_of_adapters_are_those_of_plain_matrices():
    network, other = prepared("lora"), small_network()
    learn(network)  # so that neither factor is zero
    other.load_state_dict(merged_state(network))
    for one in (network, other):
        one.zero_grad()
        one(IMAGE)[:, 1].square().mean().backward()
    for name in ("layers1.0.blocks.0.attn.qkv", "layers2.0.blocks.1.mlp.linear1", "layers4.0.downsample.reduction"):
        adapter = network.encoder.get_submodule(f"{name}.parametrizations.weight.0")
        to_weight = other.encoder.get_submodule(name).weight.grad
        torch.testing.assert_close(adapter.b.grad, 2 * to_weight @ adapter.a.T, atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(adapter.a.grad, 2 * adapter.b.T @ to_weight, atol=1e-6, rtol=1e-4)


def test_adapters_learn_in_bfloat16_too():
    network = prepared("lora")
    with computing_in("bfloat16", "cpu"):
        network(IMAGE)[:, 1].float().square().mean().backward()
    adapters = [one for one in network.modules() if isinstance(one, LowRank)]
    assert len(adapters) == len(linear_weights(small_network()))
    assert all(one.b.grad is not None and one.b.grad.any() for one in adapters)


def test_rates_fall_by_the_factor_from_block_to_block_down_to_the_patches():
    network = small_network()
    layers = tuning("layer_decay").rate_factors(network.encoder)
    names = {id(one): name for name, one in network.encoder.named_parameters()}
    factors = {names[id(one)]: factor for factor, layer in layers for one in layer}
    assert set(factors) == set(names.values())
    assert [factor for factor, _ in layers] == [
        0.5**distance for distance in range(1, 7)
    ]  # five blocks, and the patches
    assert factors["layers4.0.downsample.reduction.weight"] == factors["layers4c.0.layer.conv1.conv.weight"] == 0.5
    assert factors["layers2.0.blocks.1.attn.qkv.weight"] == 0.5**3
    assert factors["layers2.0.blocks.0.attn.qkv.weight"] == factors["layers2c.0.layer.conv2.conv.weight"] == 0.5**4
    assert factors["patch_embed.proj.weight"] == 0.5**6


@pytest.mark.parametrize("mode", ["full", "lora", "frozen"])
def test_other_modes_have_one_rate(mode):
    [(factor, parameters)] = tuning(mode).rate_factors(prepared(mode).encoder)
    assert (factor, len(parameters)) == (1.0, len(list(prepared(mode).encoder.parameters())))


def test_an_unknown_mode_is_refused_with_those_that_there_are():
    with pytest.raises(SettingsError, match=r"Unknown tuning 'adapter'; needed one of full, layer_decay, lora, frozen"):
        tuning("adapter")


@pytest.mark.parametrize(
    ("number", "value", "needed"),
    [
        ("layer_decay", 0, "above 0, at most 1"),
        ("layer_decay", 1.5, "above 0, at most 1"),
        ("lora_rank", 0, "above 0"),
        ("lora_alpha", float("inf"), "above 0"),
    ],
)
def test_a_number_out_of_its_range_is_refused(number, value, needed):
    with pytest.raises(SettingsError, match=rf"{number} is {value}; needed a number {needed}\. Set {number} so"):
        tuning("lora", **{number: value})


def test_a_network_without_an_encoder_is_tuned_in_full_alone():
    tuning("full").prepare(nn.Linear(2, 1))
    with pytest.raises(SettingsError, match=r"Linear has no encoder of this package.*Set tuning to full"):
        tuning("frozen").prepare(nn.Linear(2, 1))
