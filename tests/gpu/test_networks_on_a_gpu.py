"""Networks, engines, precisions and memory where CUDA is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from small_network import SIZE, distance, plainly, small_network

import echocare_core as echocare
from echocare_core.demo import EXPORT
from echocare_core.engines import load_engine
from echocare_core.engines.export import export_onnx, export_program, export_torchscript
from echocare_core.errors import DeviceMemoryError, EngineError
from echocare_core.models import load_encoder
from echocare_core.models.precision import InPrecision, fastest_precision
from echocare_core.types import Embedding

CUDA = torch.device("cuda")
HEAD = "fetal_head_segmentation"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(small_network().state_dict(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(2, 3, *SIZE)


def test_float32_gives_the_maps_of_the_cpu_and_tf32_does_not() -> None:
    encoder, picture = load_encoder(), torch.rand(1, 3, 256, 256)
    on_cpu = plainly(encoder, picture)
    on_gpu = {
        precision: plainly(InPrecision(encoder.to(CUDA), precision).eval(), picture.to(CUDA))
        for precision in ("float32", "tf32")
    }
    assert max(distance(*maps) for maps in zip([one.cpu() for one in on_gpu["float32"]], on_cpu, strict=True)) < 1e-4
    if torch.cuda.get_device_capability() >= (8, 0):
        assert distance(on_gpu["tf32"][-1].cpu(), on_cpu[-1]) > 1e-4


@pytest.mark.parametrize(("precision", "near"), [("float32", 1e-4), ("tf32", 0.01), ("bfloat16", 0.05), ("auto", 0.05)])
def test_every_precision_of_the_engine_is_near_the_cpu(
    precision: str, near: float, weights: Path, image: torch.Tensor
) -> None:
    loaded = load_engine(small_network(), weights, CUDA, precision=precision)
    found = plainly(loaded, image.to(CUDA))

    assert found.dtype == torch.float32
    assert distance(found.cpu(), plainly(small_network(), image)) < near
    assert loaded.ran.device.startswith("cuda (")
    assert loaded.ran.precision == (fastest_precision(CUDA) if precision == "auto" else precision)


def test_openvino_is_for_the_cpu(weights: Path) -> None:
    with pytest.raises(EngineError, match="set device to cpu, or engine to torch"):
        load_engine(small_network(), weights, CUDA, engine="openvino")


def test_a_network_on_a_gpu_is_exported_in_every_format(weights: Path, image: torch.Tensor, tmp_path: Path) -> None:
    network = load_engine(small_network(), weights, CUDA, precision="float32").network
    wanted = plainly(small_network(), image)
    export_torchscript(network, tmp_path / "network.pt", SIZE)
    export_program(network, tmp_path / "network.pt2", SIZE)
    export_onnx(network, tmp_path / "network.onnx", SIZE)

    script, program = torch.jit.load(tmp_path / "network.pt"), torch.export.load(tmp_path / "network.pt2").module()
    for exported in (script, program):
        assert distance(plainly(exported, image.to(CUDA)).cpu(), wanted) < 0.01
    assert (tmp_path / "network.onnx").is_file()


def test_a_gpu_without_memory_is_one_sentence(tmp_path: Path) -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        with pytest.raises(DeviceMemoryError, match=r"has no memory left.*device to cpu"):
            echocare.predict(HEAD, EXPORT / "FETAL", tmp_path / "out", settings={"device": "cuda"})
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert not (tmp_path / "out" / "results.csv").exists()


def test_results_say_which_gpu_made_them(tmp_path: Path) -> None:
    echocare.predict(HEAD, EXPORT / "FETAL", tmp_path / "out", settings={"device": "cuda", "precision": "auto"})
    origin = json.loads((tmp_path / "out" / "origin.json").read_text())

    assert torch.cuda.get_device_name() in origin["device"]
    assert origin["precision"] == fastest_precision(CUDA)


def test_embeddings_are_those_of_the_cpu(tmp_path: Path) -> None:
    on_cpu, on_gpu = (
        echocare.predict("ultrasound_pretraining", EXPORT / "FETAL", tmp_path / device, settings={"device": device})
        for device in ("cpu", "cuda")
    )
    for one, other in zip(on_cpu.details, on_gpu.details, strict=True):
        (of_gpu,), (of_cpu,) = ([out for out in it.outputs if isinstance(out, Embedding)] for it in (other, one))
        assert distance(torch.from_numpy(of_gpu.vector), torch.from_numpy(of_cpu.vector)) < 1e-3


def test_the_compiled_encoder_gives_maps_and_gradients_of_the_eager_one() -> None:
    encoder, picture = load_encoder().to(CUDA).train(), torch.rand(2, 3, 128, 128, device=CUDA)
    compiled = torch.compile(encoder, fullgraph=True, dynamic=False)
    found, wanted = ([*call(picture)] for call in (compiled, encoder))
    weights = list(encoder.parameters())
    gradients = [torch.autograd.grad(sum(one.cos().mean() for one in maps), weights) for maps in (found, wanted)]
    for one, other in zip([*found, *gradients[0]], [*wanted, *gradients[1]], strict=True):
        assert distance(one.detach(), other.detach()) < 0.01
