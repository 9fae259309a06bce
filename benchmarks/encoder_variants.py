"""Every way to run the encoder and MONAI's that `benchmarks/encoder.py` measures, all from the same random weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from torch import Tensor, nn

from echocare_core.errors import EngineError
from echocare_core.models import EncoderProfile, build_encoder, encoder

SEED = 0
REFERENCE = "MONAI float32"
Run = Callable[[Tensor], Any]


def monai_network(profile: EncoderProfile, **settings: Any) -> nn.Module:
    """MONAI's network with the numbers of a profile."""
    return SwinTransformer(
        in_chans=3,
        embed_dim=profile.embed_dim,
        window_size=[profile.window_size] * 2,
        patch_size=[profile.patch_size] * 2,
        depths=profile.depths,
        num_heads=profile.num_heads,
        mlp_ratio=profile.mlp_ratio,
        spatial_dims=2,
        use_v2=True,
        **settings,
    )


class Variants:
    """Builds each way to run the network, all from the same random weights."""

    def __init__(self, profile: EncoderProfile, device: str) -> None:
        torch.manual_seed(SEED)
        self.profile, self.device = profile, device
        self.state = monai_network(profile).state_dict()

    def theirs(self, **settings: Any) -> nn.Module:
        """MONAI's network."""
        return self._loaded(monai_network(self.profile, **settings))

    def ours(self) -> nn.Module:
        """The network of this package."""
        return self._loaded(build_encoder(self.profile))

    def on_cpu(self) -> nn.Module:
        """The network of this package, for engines that run on the CPU only."""
        if self.device != "cpu":
            raise EngineError("measured on the CPU only")
        return self.ours()

    def _loaded(self, network: nn.Module) -> nn.Module:
        network.load_state_dict(self.state)
        return network.eval().to(self.device)

    def inference(self, image: Tensor) -> dict[str, Callable[[], Run]]:
        """Name to builder of a function of the image batch, for batches of this shape."""
        size = tuple(image.shape[2:])
        return {
            "MONAI float32": self.theirs,
            "MONAI float32, flash": lambda: self.theirs(use_flash_attention=True),
            "MONAI float32, compiled": lambda: compiled(self.theirs()),
            "MONAI bfloat16, autocast": lambda: in_bfloat16(self.theirs()),
            "MONAI bfloat16, pure": lambda: pure_bfloat16(self.theirs()),
            "MONAI bfloat16, compiled": lambda: in_bfloat16(compiled(self.theirs())),
            "ours float32": self.ours,
            "ours float32, compiled": lambda: compiled(self.ours()),
            "ours bfloat16": lambda: in_bfloat16(self.ours()),
            "ours bfloat16, compiled": lambda: in_bfloat16(compiled(self.ours())),
            "ours ONNX float32": lambda: onnx(self.on_cpu(), size),
            "ours OpenVINO float32": lambda: openvino(self.on_cpu(), "float32"),
            "ours OpenVINO bfloat16": lambda: openvino(self.on_cpu(), "bfloat16"),
            "ours OpenVINO int8": lambda: int8(self.on_cpu(), image),
        }

    def training(self) -> dict[str, Callable[[], Run]]:
        """Name to builder of a function that makes one training step."""
        return {
            "MONAI float32": lambda: step(self.theirs(), self.device, torch.float32),
            "MONAI bfloat16, autocast": lambda: step(self.theirs(), self.device, torch.bfloat16),
            "ours float32": lambda: step(self.ours(), self.device, torch.float32),
            "ours bfloat16": lambda: step(self.ours(), self.device, torch.bfloat16),
            "MONAI bfloat16, compiled": lambda: step(in_place(self.theirs()), self.device, torch.bfloat16),
            "ours bfloat16, compiled": lambda: step(in_place(self.ours()), self.device, torch.bfloat16),
        }


def in_bfloat16(network: Run) -> Run:
    """Under autocast."""

    def run(image: Tensor) -> Any:
        with torch.autocast(image.device.type, torch.bfloat16):
            return network(image)

    return run


def pure_bfloat16(network: nn.Module) -> Run:
    """With weights and images in bfloat16."""
    network = network.bfloat16()
    return lambda image: network(image.bfloat16())


def compiled(network: nn.Module) -> Run:
    """With torch.compile, weights frozen."""
    torch._inductor.config.freezing = True
    return torch.compile(network)


def in_place(network: nn.Module) -> nn.Module:
    """With torch.compile for training, as the pretraining does it: on a GPU by CUDA graphs."""
    device = next(network.parameters()).device
    network.compile(dynamic=False, mode="reduce-overhead" if device.type == "cuda" else "default")
    return network


def onnx(network: nn.Module, size: tuple[int, int]) -> Run:
    """Written as ONNX with its batch open and run by onnxruntime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError("onnxruntime is not installed; pip install onnxruntime") from error
    from echocare_core.engines.export import export_onnx

    with tempfile.TemporaryDirectory() as folder:
        export_onnx(network, Path(folder) / "encoder.onnx", size, dynamic=False)
        session = onnxruntime.InferenceSession(Path(folder) / "encoder.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda image: [torch.from_numpy(one) for one in session.run(None, {name: image.numpy()})]


def openvino(network: nn.Module, precision: str) -> Run:
    """Run by OpenVINO."""
    from echocare_core.engines.openvino import OpenVinoNetwork

    return OpenVinoNetwork(network, precision=precision)


def int8(network: nn.Module, image: Tensor) -> Run:
    """Quantised on the image itself, which with random weights serves speed only, and run by OpenVINO."""
    from echocare_core.engines.openvino import OpenVinoNetwork
    from echocare_core.engines.quantization import quantize_network

    with tempfile.TemporaryDirectory() as folder:
        quantize_network(network, image[:1].split(1), Path(folder) / "encoder.xml")
        return OpenVinoNetwork(Path(folder) / "encoder.xml", precision="bfloat16")


def step(network: nn.Module, device: str, precision: torch.dtype) -> Run:
    """Forward, loss and gradients; it returns the gradients."""
    network.train()

    def run(image: Tensor) -> list[Tensor]:
        network.zero_grad()
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(device, precision, enabled=precision != torch.float32):
            maps = network(image)
        loss = sum((one.float() * one.float()[:, :1].cos()).square().mean() for one in maps)
        loss.backward()
        return [parameter.grad for _, parameter in sorted(network.named_parameters())]

    run.network = network
    return run


@contextmanager
def without_kinks(run: Run) -> Iterator[None]:
    """The rectifiers of both networks as straight lines.

    Rounding turns a few values about zero to the other side, where the gradient of a leaky rectifier is a hundred times
    larger or smaller; two exact networks then differ in single elements. Without that the gradients can be compared.
    """
    slopes = [module for module in run.network.modules() if isinstance(module, nn.LeakyReLU)]
    leak = encoder.LEAK
    try:
        for module in slopes:
            module.negative_slope = 1.0
        encoder.LEAK = 1.0
        yield
    finally:
        for module in slopes:
            module.negative_slope = leak
        encoder.LEAK = leak
