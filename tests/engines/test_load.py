"""A configuration names an engine and a precision, and gets the network in them."""

from __future__ import annotations

import pytest
import torch
from small_network import SIZE, distance, needs_openvino, plainly, small_network

from echocare_core import optional
from echocare_core.checksum import sha256_of
from echocare_core.engines import load, load_engine
from echocare_core.errors import EngineError, SettingsError, WeightsError


@pytest.fixture
def weights(tmp_path):
    """Weight file of the network with the mean of its output moved, so that it differs from the untouched one."""
    network = small_network()
    torch.nn.init.constant_(network.classify.bias, 2.0)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    return network, tmp_path / "model.pt"


def test_torch_in_float32_is_the_network_itself(network, weights, image):
    loaded = load_engine(network.train(), weights[1], precision="float32")
    assert loaded is network
    assert not loaded.training
    assert distance(plainly(loaded, image), plainly(weights[0], image)) == 0


def test_torch_in_bfloat16_returns_float32_near_by(network, weights, image):
    found = plainly(load_engine(network, weights[1], precision="bfloat16"), image)
    assert found.dtype == torch.float32
    assert 0 < distance(found, plainly(weights[0], image)) < 0.05


@needs_openvino
def test_openvino_gives_the_same(network, weights, image):
    loaded = load_engine(network, weights[1], engine="openvino", precision="float32", image_size=SIZE)
    assert distance(loaded(image), plainly(weights[0], image)) < 1e-4


@pytest.mark.parametrize(("fast", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_the_fastest_precision_of_the_device(fast, precision, network, weights, monkeypatch):
    features = frozenset({"amx_bf16"} if fast else {"avx512_bf16"})
    monkeypatch.setattr("echocare_core.models.precision._cpu_features", lambda path: features)
    assert isinstance(load_engine(network, weights[1]), load.InPrecision) == (precision == "bfloat16")


def test_what_runs_is_said(network, weights):
    ran = load_engine(network, weights[1], precision="bfloat16").ran
    assert (ran.engine, ran.precision, ran.device) == ("torch", "bfloat16", "cpu")
    assert ran.files == {"model.pt": sha256_of(weights[1])}


def test_an_unknown_engine_is_refused(network, weights):
    with pytest.raises(SettingsError, match="needed one of torch, openvino"):
        load_engine(network, weights[1], engine="onnx")


def test_an_unknown_precision_is_refused(network, weights):
    with pytest.raises(SettingsError, match="needed one of auto, float32, tf32, bfloat16"):
        load_engine(network, weights[1], precision="float16")


def test_openvino_on_a_graphics_card_is_refused(network, weights, monkeypatch):
    monkeypatch.setattr(load, "find_device", torch.device)  # there is none here
    with pytest.raises(EngineError, match="OpenVINO runs on the CPU, not on cuda"):
        load_engine(network, weights[1], "cuda", engine="openvino")


def test_an_engine_file_without_its_engine_is_refused(network, weights):
    with pytest.raises(SettingsError, match=r"int8\.xml is for OpenVINO"):
        load_engine(network, weights[1], engine_file="int8.xml")


def test_without_openvino_the_message_says_how_to_install_it(network, weights, monkeypatch):
    monkeypatch.setattr(optional, "is_installed", lambda package: False)
    with pytest.raises(EngineError, match=r"pip install 'echocare\[openvino\]'"):
        load_engine(network, weights[1], engine="openvino")


def test_weights_of_another_network_are_refused(network, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="does not fit"):
        load_engine(network, tmp_path / "other.pt")
