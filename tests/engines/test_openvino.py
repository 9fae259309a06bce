"""OpenVINO gives the numbers of PyTorch, and talks to nobody."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from small_network import SIZE, distance, needs_openvino, plainly, small_classifier

from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.errors import EngineError, SettingsError

pytestmark = needs_openvino


def test_it_equals_the_network_at_every_shape(network):
    engine = OpenVinoNetwork(network, SIZE, precision="float32", threads=1)
    for shape in ((1, 3, *SIZE), (2, 3, 64, 128)):
        image = torch.rand(shape)
        assert distance(engine(image), plainly(network, image)) < 1e-4


def test_an_encoder_gives_its_five_maps(network, image):
    engine = OpenVinoNetwork(network.encoder, precision="float32", threads=1)
    found, wanted = engine(image), plainly(network.encoder, image)
    assert len(found) == 5
    assert all(distance(*maps) < 1e-4 for maps in zip(found, wanted, strict=True))


def test_a_classifier_answers_for_the_same_places(image):
    engine = OpenVinoNetwork(small_classifier(), precision="float32", threads=1)
    wanted = plainly(small_classifier(), image)
    assert engine(image).shape == wanted.shape == (1, 3, 2, 3)
    assert distance(engine(image), wanted) < 1e-4


def test_the_next_result_does_not_change_the_last(network, image):
    engine = OpenVinoNetwork(network, precision="float32", threads=1)
    first = engine(image)
    kept = first.clone()
    engine(1 - image)
    assert first.equal(kept)


def test_the_network_it_is_made_from_is_left_alone(network, image):
    engine = OpenVinoNetwork(network.train(), precision="float32", threads=1)
    assert network.training
    torch.nn.init.zeros_(network.classify.weight)
    assert distance(engine(image), plainly(network.eval(), image)) > 0.1


@pytest.mark.parametrize("shape", [(3, 64, 64), (0, 3, 64, 64)])
def test_what_is_no_batch_of_images_is_refused(shape, network):
    with pytest.raises(SettingsError, match="needed finite numbers"):
        OpenVinoNetwork(network, precision="float32", threads=1)(torch.rand(shape))


def test_values_that_are_not_finite_are_refused(network, image):
    image[0, 0, 5, 5] = float("nan")
    with pytest.raises(SettingsError, match="needed finite numbers"):
        OpenVinoNetwork(network, precision="float32", threads=1)(image)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(EngineError, match="No OpenVINO model at"):
        OpenVinoNetwork(tmp_path / "absent.xml")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "text.xml").write_text("text")
    with pytest.raises(EngineError, match=r"text\.xml cannot be read"):
        OpenVinoNetwork(tmp_path / "text.xml")


def test_an_unknown_precision_is_refused(network):
    with pytest.raises(SettingsError, match="auto, float32, tf32, bfloat16"):
        OpenVinoNetwork(network, precision="int4")


def test_converting_reports_to_nobody():
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('it reached for the network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "import torch\n"
        "from echocare_core.engines.openvino import OpenVinoNetwork\n"
        "OpenVinoNetwork(torch.nn.Conv2d(3, 1, 1), (8, 8))\n"
        "assert 'openvino_telemetry' not in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
