"""Exported files give the numbers of the network they were made from."""

from __future__ import annotations

import json

import pytest
import torch
from small_network import SIZE, distance, plainly
from torch import nn

from echocare_core.engines.export import export_onnx, export_program, export_torchscript, least_side, size_step
from echocare_core.engines.made_from import NOTE_FILE, check_made_from, digest_weights
from echocare_core.engines.openvino import OpenVinoNetwork
from echocare_core.errors import EngineError, SettingsError
from echocare_core.models import EncoderProfile, build_encoder
from echocare_core.tasks.segmentation import SegmentationNetwork

EXACT = 1e-5  # relative L2 distance


@pytest.fixture
def two_stages():
    """A network that is recorded by torch.export in half the time; its first stage has a shifted block."""
    profile = EncoderProfile(embed_dim=8, depths=(2, 1), num_heads=(1, 1), patch_size=4, window_size=4)
    return SegmentationNetwork(labels=2, encoder=profile, width=4, width_limit=8).eval()


def test_torchscript_equals_the_network_for_any_batch(network, image, tmp_path):
    export_torchscript(network, tmp_path / "network.pt", SIZE)
    batch, note = torch.rand(3, 3, *SIZE), {NOTE_FILE: ""}
    loaded = torch.jit.load(tmp_path / "network.pt", _extra_files=note)
    assert json.loads(note[NOTE_FILE])["weights"] == digest_weights(network)
    assert distance(plainly(loaded, image), plainly(network, image)) < EXACT
    assert distance(plainly(loaded, batch), plainly(network, batch)) < EXACT


def test_torchscript_of_an_encoder_gives_its_five_maps(network, image, tmp_path):
    export_torchscript(network.encoder, tmp_path / "encoder.pt", SIZE)
    found, wanted = plainly(torch.jit.load(tmp_path / "encoder.pt"), image), plainly(network.encoder, image)
    assert len(found) == 5
    assert all(distance(*maps) < EXACT for maps in zip(found, wanted, strict=True))


def test_a_program_equals_the_network_for_any_batch(two_stages, tmp_path):
    two_stages.bundle = {"name": "head", "version": "1.2"}
    export_program(two_stages, tmp_path / "network.pt2", SIZE)
    note = {NOTE_FILE: ""}
    loaded = torch.export.load(tmp_path / "network.pt2", extra_files=note).module()
    assert json.loads(note[NOTE_FILE])["bundle"] == "head"
    assert json.loads(note[NOTE_FILE])["weights"] == digest_weights(two_stages)
    for batch in (1, 3):
        image = torch.rand(batch, 3, *SIZE)
        assert distance(plainly(loaded, image), plainly(two_stages, image)) < EXACT


def test_one_onnx_file_gives_every_map_at_every_size_and_batch(two_stages, tmp_path):
    pytest.importorskip("onnxscript", reason="writes ONNX; comes with echocare[openvino]")
    runtime = pytest.importorskip("onnxruntime", reason="runs ONNX; comes with echocare[test]")
    encoder = two_stages.encoder
    export_onnx(encoder, tmp_path / "network.onnx", SIZE)
    session = runtime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    assert [port.name for port in session.get_inputs()] == ["image"]
    assert [port.name for port in session.get_outputs()] == ["map1", "map2", "map3"]
    for shape in ((1, 3, *SIZE), (3, 3, 32, 32), (2, 3, 256, 320)):
        batch = torch.rand(shape)
        found, wanted = session.run(None, {"image": batch.numpy()}), plainly(encoder, batch)
        assert max(distance(torch.from_numpy(a), b) for a, b in zip(found, wanted, strict=True)) < EXACT
    check_what_it_was_made_from(tmp_path / "network.onnx", encoder)


def check_what_it_was_made_from(path, encoder):
    pytest.importorskip("openvino", reason="reads ONNX for load_engine; comes with echocare[openvino]")
    note = OpenVinoNetwork(path).note
    check_made_from(path, note, encoder)
    torch.nn.init.constant_(encoder.patch_embed.proj.bias, 2.0)
    with pytest.raises(EngineError, match=r"network\.onnx was made from other weights than those that are set"):
        check_made_from(path, note, encoder)


@pytest.mark.parametrize("size", [(100, 128), (64, 128)])
def test_open_sizes_are_recorded_with_an_image_that_they_take(size, network, tmp_path):
    pytest.importorskip("onnxscript", reason="writes ONNX; comes with echocare[openvino]")
    with pytest.raises(SettingsError, match="multiples of 64 px, and at least 128 px"):
        export_onnx(network, tmp_path / "network.onnx", size)
    assert list(tmp_path.iterdir()) == []


def test_the_limits_of_open_sizes_follow_from_the_network(network):
    assert (size_step(network), least_side(network)) == (64, 128)
    assert (size_step(build_encoder("tiny")), least_side(build_encoder("tiny"))) == (64, 256)


def test_an_export_leaves_the_network_as_it_was(network, tmp_path):
    network.train()
    network.decoder.path.eval()
    export_torchscript(network, tmp_path / "network.pt", SIZE)
    assert network.training
    assert not network.decoder.path.training


def test_a_failed_export_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError):
        export_torchscript(nn.Linear(5, 1), tmp_path / "network.pt", SIZE)
    assert list(tmp_path.iterdir()) == []
