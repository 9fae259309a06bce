"""Whole networks go into half-size weight files and come back strictly."""

import pytest
import torch

from echocare_core.errors import WeightsError
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.weight_file import read_state_dict
from echocare_core.training import export_network, load_network

BUNDLE = {"name": "breast_lesion_segmentation", "version": "0.1.1"}


def network():
    return torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.BatchNorm1d(256), torch.nn.Linear(256, 3))


@pytest.fixture
def exported(tmp_path):
    """A trained network, its checkpoint and its exported weights."""
    net = network()
    net(torch.rand(8, 64))  # moves the statistics of the batch normalisation
    torch.save({"model": net.state_dict(), "optimizer": {}, "epoch": 3}, tmp_path / "latest.pt")
    export_network(tmp_path / "latest.pt", tmp_path / "model.pt")
    return net.eval(), tmp_path / "latest.pt", tmp_path / "model.pt"


def test_an_export_is_half_the_size(exported):
    _, checkpoint, weights = exported
    assert weights.stat().st_size < 0.55 * checkpoint.stat().st_size


def test_an_export_is_a_plain_state_dict_in_float16(exported):
    net, _, weights = exported
    state = torch.load(weights, weights_only=True)
    floats = {name: tensor.dtype for name, tensor in state.items() if tensor.is_floating_point()}
    assert list(state) == list(net.state_dict())
    assert set(floats.values()) == {torch.float16}


def test_an_export_belongs_to_the_bundle_of_its_checkpoint(exported, tmp_path):
    net, _, _ = exported
    torch.save({"model": name_bundle(net.state_dict(), BUNDLE)}, tmp_path / "latest.pt")
    export_network(tmp_path / "latest.pt", tmp_path / "named.pt")
    assert bundle_of(read_state_dict(tmp_path / "named.pt")) == BUNDLE
    assert list(load_network(network(), tmp_path / "named.pt").state_dict()) == list(net.state_dict())


def test_weights_that_name_no_bundle_belong_to_none(exported):
    assert bundle_of(read_state_dict(exported[2])) == {}


def test_whole_numbers_stay_whole(exported):
    assert torch.load(exported[2], weights_only=True)["1.num_batches_tracked"].dtype == torch.int64


def test_an_export_comes_back_within_the_rounding_of_float16(exported):
    net, _, weights = exported
    back = load_network(network(), weights)
    assert {parameter.dtype for parameter in back.parameters()} == {torch.float32}
    torch.testing.assert_close(back.state_dict(), net.state_dict(), atol=1e-7, rtol=2**-11)


def test_a_bare_checkpoint_is_exported_too(exported, tmp_path):
    net, _, weights = exported
    torch.save(net.state_dict(), tmp_path / "best.pt")
    export_network(tmp_path / "best.pt", tmp_path / "again.pt")
    assert load_network(network(), tmp_path / "again.pt")[0].weight.equal(load_network(network(), weights)[0].weight)


def test_a_loaded_network_is_in_evaluation_mode(exported):
    assert not load_network(network().train(), str(exported[2])).training


def test_weights_of_another_network_are_refused_by_name(exported):
    other = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.BatchNorm1d(256), torch.nn.Conv2d(1, 1, 1))
    with pytest.raises(WeightsError) as caught:
        load_network(other, exported[2])
    assert "model.pt does not fit the network" in str(caught.value)
    assert "0.weight (256, 64) instead of (128, 64)" in str(caught.value)


def test_a_missing_and_an_unexpected_tensor_are_refused_by_name(exported, tmp_path):
    state = torch.load(exported[2], weights_only=True)
    state["2.offset"] = state.pop("2.bias")
    torch.save(state, tmp_path / "renamed.pt")
    with pytest.raises(WeightsError, match=r"1 missing \(2\.bias\); 1 unexpected \(2\.offset\)"):
        load_network(network(), tmp_path / "renamed.pt")


def test_refused_weights_change_nothing(exported, tmp_path):
    state = torch.load(exported[2], weights_only=True)
    state["2.bias"] = torch.rand(4)
    torch.save(state, tmp_path / "wrong.pt")
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(WeightsError):
        load_network(net, tmp_path / "wrong.pt")
    torch.testing.assert_close(net.state_dict(), before, atol=0, rtol=0)


def test_missing_weights_are_refused_by_path(tmp_path):
    with pytest.raises(WeightsError, match=r"No weight file at .*model\.pt"):
        load_network(network(), tmp_path / "model.pt")


@pytest.mark.parametrize("number", [1e6, float("nan")])
def test_a_number_that_float16_cannot_hold_is_refused(tmp_path, number):
    torch.save({"fine": torch.ones(2), "wide": torch.tensor([1.0, number])}, tmp_path / "latest.pt")
    with pytest.raises(WeightsError, match=r"latest\.pt has 1 tensors that float16 cannot hold, such as wide"):
        export_network(tmp_path / "latest.pt", tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()


def test_exporting_what_is_no_checkpoint_writes_nothing(tmp_path):
    (tmp_path / "latest.pt").write_text("no checkpoint")
    with pytest.raises(WeightsError):
        export_network(tmp_path / "latest.pt", tmp_path / "model.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["latest.pt"]
