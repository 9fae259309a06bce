"""An int8 model stays close to its network, and says what it needs."""

from __future__ import annotations

import pytest
import torch
from small_network import SIZE, distance, needs_nncf, plainly

from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.engines.quantization import quantize_network
from echocare_core.errors import OutputError, SettingsError
from echocare_core.prediction import quantize

pytestmark = needs_nncf


def test_int8_is_close_and_comes_back_from_its_file(network, image, tmp_path):
    quantize_network(network, [image, torch.rand(2, 3, *SIZE)], tmp_path / "int8.xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.bin", "int8.xml"]
    engine = OpenVinoNetwork(tmp_path / "int8.xml", precision="float32", threads=1)
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


def test_another_ending_is_refused(network, image, tmp_path):
    with pytest.raises(SettingsError, match=r"does not end in \.xml"):
        quantize_network(network, [image], tmp_path / "int8.onnx")


def test_a_model_that_is_there_is_not_replaced_unasked(tmp_path):
    (tmp_path / "int8.xml").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        quantize("fetal_head_segmentation", tmp_path, tmp_path / "int8.xml")
    assert (tmp_path / "int8.xml").read_text() == "mine"
