"""An int8 model stays close to its network, and says what it needs."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace

import pytest
import torch
from small_network import SIZE, distance, needs_nncf, plainly, small_network

from echocare_core.checksum import sha256_of
from echocare_core.engines import load_engine, quantization
from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.engines.quantization import quantize_network
from echocare_core.errors import EngineError, OutputError, SettingsError
from echocare_core.models.weights import load_network
from echocare_core.prediction import quantize

pytestmark = needs_nncf


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder of the weights of a network of a bundle called head, and of the int8 model that was made from it."""
    folder = tmp_path_factory.mktemp("int8")
    torch.save(small_network().state_dict(), folder / "model.pt")
    network = load_network(small_network(), folder / "model.pt")
    network.bundle = {"name": "head", "version": "1.2"}
    for left in (".int8-unfinished.xml", ".int8-unfinished.bin"):  # by one that was killed
        (folder / left).touch()
    quantize_network(network, [torch.rand(1, 3, *SIZE), torch.rand(2, 3, *SIZE)], folder / "int8.xml")
    assert sorted(path.name for path in folder.iterdir()) == ["int8.bin", "int8.xml", "model.pt"]
    return folder


@pytest.fixture
def quantized(made, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(made, tmp_path / "int8")


def test_int8_is_close_and_comes_back_from_its_file(network, image, made):
    engine = OpenVinoNetwork(made / "int8.xml", precision="float32", threads=1)
    assert 1e-5 < distance(engine(image), plainly(network, image)) < 0.1
    batch = torch.rand(2, 3, *SIZE)
    assert distance(engine(batch), plainly(network, batch)) < 0.1
    with pytest.raises(SettingsError, match=r"shape \(3, 64, 64\); this OpenVINO model was made for \(3, 128, 192\)"):
        engine(torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize("sizes", [[], [(64, 64), (64, 128)]])
def test_images_of_one_size_are_needed(sizes, network, tmp_path):
    with pytest.raises(SettingsError, match="needed some of one size"):
        quantize_network(network, [torch.rand(1, 3, *size) for size in sizes], tmp_path / "int8.xml")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_killed_while_it_is_written_leaves_nothing_that_stays(tmp_path, monkeypatch):
    def kill(model, unfinished, **_):
        left.extend(path.name for path in unfinished.parent.iterdir())
        raise SystemExit

    left = []
    monkeypatch.setattr(quantization, "import_without_telemetry", lambda _: SimpleNamespace(save_model=kill))
    with pytest.raises(SystemExit):
        quantization._write(None, tmp_path / "int8.xml", None)
    assert sorted(left) == [".int8-unfinished.bin", ".int8-unfinished.xml"]  # which the next one takes away
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused(network, image, tmp_path):
    with pytest.raises(SettingsError, match=r"does not end in \.xml"):
        quantize_network(network, [image], tmp_path / "int8.onnx")


def test_a_model_that_is_there_is_not_replaced_unasked(tmp_path):
    (tmp_path / "int8.xml").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        quantize("fetal_head_segmentation", tmp_path, tmp_path / "int8.xml")
    assert (tmp_path / "int8.xml").read_text() == "mine"


def run(folder, weights="model.pt", model="int8.xml"):
    return load_engine(small_network(), folder / weights, engine="openvino", engine_file=folder / model)


def test_an_int8_model_runs_with_the_weights_it_was_made_from_and_says_what_ran(quantized):
    ran = run(quantized).ran
    assert (ran.engine, ran.device) == ("openvino", "cpu")
    assert ran.precision.startswith("int8, else ")
    assert ran.files == {name: sha256_of(quantized / name) for name in ("int8.xml", "int8.bin", "model.pt")}


def test_an_int8_model_of_other_weights_is_refused(quantized):
    other = small_network()
    torch.nn.init.constant_(other.classify.bias, 2.0)
    torch.save(other.state_dict(), quantized / "other.pt")
    with pytest.raises(EngineError, match=r"int8\.xml was made from other weights of head 1\.2 than those"):
        run(quantized, weights="other.pt")


def test_an_int8_model_of_another_bundle_is_refused(quantized, monkeypatch):
    monkeypatch.setattr("echocare_core.models.weights._owner", lambda *_: {"name": "breast", "version": "1.0"})
    with pytest.raises(EngineError, match=r"int8\.xml was made from head 1\.2; needed one of breast"):
        run(quantized)


def test_an_int8_model_with_the_numbers_of_another_is_refused(quantized):
    numbers = bytearray((quantized / "int8.bin").read_bytes())
    numbers[len(numbers) // 2] ^= 1
    (quantized / "int8.bin").write_bytes(numbers)
    with pytest.raises(EngineError, match=r"int8\.bin does not belong to int8\.xml; needed its own"):
        run(quantized)


def test_a_model_that_does_not_say_what_it_was_made_from_is_refused(quantized):
    text = (quantized / "int8.xml").read_text()
    (quantized / "plain.xml").write_text(re.sub(r"<echocare .*?/>", "", text))
    (quantized / "plain.bin").write_bytes((quantized / "int8.bin").read_bytes())
    with pytest.raises(EngineError, match=r"plain\.xml does not say which weights it was made from"):
        run(quantized, model="plain.xml")
