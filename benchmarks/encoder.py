"""Speed, memory and exactness of the encoder beside MONAI's own, with the same weights, interleaved in one process.

    python benchmarks/encoder.py --profile released --out encoder.json

Every variant encodes the same images in turn, round after round, so that whatever else the machine does falls on all of
them; in its turn it is called once to warm up (the threads of another engine go on spinning for a while, and the caches
are full of its weights), and then twice, as in a stream of frames. The table gives medians and, for a machine that is
shared with others, the fastest calls; ratios to MONAI's network in float32; the relative L2 difference of each map from
it (with random weights); the peak memory of a process of its own; and the share of the machine's matrix-product ceiling
(products of 4096 x 4096 matrices, measured in the same rounds). Variants that need a package or a GPU that is not there
are named as left out. A training step is forward, a loss of every map, and all gradients; gradients are compared with
the rectifiers made straight (see `without_kinks`).
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from monai.networks.nets.swin_unetr import SwinTransformer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from echocare_core.errors import EngineError
from echocare_core.models import PROFILES, EncoderProfile, build_encoder, encoder

CEILING_SIDE = 4096
SEED = 0
TIMED = 2  # calls of a variant each time it has its turn at inference, after one that is not timed
SIZES, BATCHES = ["256x256"], [1]
WIDTH = 150  # of the tables where they do not go to a terminal
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


def ceiling(precision: torch.dtype, device: str) -> Callable[[], Tensor]:
    """One product of two large square matrices."""
    one, other = (torch.randn(CEILING_SIDE, CEILING_SIDE, device=device).to(precision) for _ in range(2))
    return lambda: torch.mm(one, other)


def seconds(run: Callable[[], Any], device: str) -> float:
    """Time of one call."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def differences(outcome: list[Tensor], reference: list[Tensor]) -> list[float]:
    """Relative L2 difference of each tensor."""
    pairs = zip(outcome, reference, strict=True)
    return [float((one.double() - other.double()).norm() / other.double().norm()) for one, other in pairs]


def operations(network: nn.Module, image: Tensor, training: bool) -> int:
    """Floating-point operations of the matrix products and convolutions of one call."""
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        maps = network(image)
        if training:
            sum(one.sum() for one in maps).backward()
    return counter.get_total_flops()


def compare(variants: Variants, shape: tuple[int, int, int], training: bool, settings: Settings) -> dict[str, Any]:
    """Time every variant on a batch of that shape (batch, height, width), round after round."""
    torch.manual_seed(SEED)
    device = variants.device
    image = torch.rand(shape[0], 3, *shape[1:]).to(device)
    builders = variants.training() if training else variants.inference(image)
    runs, left_out, exactness, reference = {}, {}, {}, []
    with torch.set_grad_enabled(training):
        for name in track(settings.wanted(builders), f"{shape}: building", transient=True, console=settings.console):
            try:
                run = builders[name]()
                with without_kinks(run) if training else nullcontext():
                    outcome = [one.detach().cpu() for one in run(image)]
            except EngineError as error:
                left_out[name] = str(error)
                continue
            runs[name] = lambda run=run: run(image)
            reference = reference or outcome
            exactness[name] = differences(outcome, reference)
        for precision in (torch.float32, torch.bfloat16):
            runs[f"ceiling {precision}"] = ceiling(precision, device)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in track(range(settings.repeats), f"{shape}: rounds", transient=True, console=settings.console):
            for name, run in runs.items():
                if not training:
                    run()
                times[name] += [seconds(run, device) for _ in range(1 if training else TIMED)]
    medians = {name: statistics.median(one) for name, one in times.items()}
    work = operations(variants.theirs(), image, training)
    rows = {}
    for name in exactness:
        lower = "float32" not in name
        peak = 2 * CEILING_SIDE**3 / medians[f"ceiling {torch.bfloat16 if lower else torch.float32}"]
        rows[name] = {
            "seconds": medians[name],
            "fastest_seconds": min(times[name]),
            "times": times[name],
            "ratio": statistics.median(a / b for a, b in zip(times["MONAI float32"], times[name], strict=True)),
            "ratio_of_fastest": min(times["MONAI float32"]) / min(times[name]),
            "images_per_second": shape[0] / medians[name],
            "share_of_ceiling": work / medians[name] / peak,
            "relative_difference": max(exactness[name]) if training else exactness[name],
            "peak_memory_gb": None if settings.skip_memory else memory(variants, name, shape, training),
        }
    return {
        "batch": shape[0],
        "size": shape[1:],
        "training": training,
        "gflop": work / 1e9,
        "variants": rows,
        "left_out": left_out,
    }


def memory(variants: Variants, name: str, shape: tuple[int, int, int], training: bool) -> float | None:
    """Gigabytes that a process of its own holds at most in two calls, beyond the libraries it has imported."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, variants.profile, variants.device, name, shape, training)
    process = context.Process(target=_measure_memory, args=arguments)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        process.join()


def _measure_memory(
    sender: Any, profile: EncoderProfile, device: str, name: str, shape: tuple[int, int, int], training: bool
) -> None:
    before = _resident("VmRSS")
    variants = Variants(profile, device)
    image = torch.rand(shape[0], 3, *shape[1:]).to(device)
    run = (variants.training() if training else variants.inference(image))[name]()
    variants.state.clear()
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark so far is forgotten (proc(5))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with torch.set_grad_enabled(training):
        for _ in range(2):
            run(image)
    used = torch.cuda.max_memory_allocated() if device == "cuda" else _resident("VmHWM") - before
    sender.send(used / 1e9)


def _resident(mark: str) -> int:
    """Bytes in memory now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(mark))


class Settings:
    """What the command line asked for."""

    def __init__(self, repeats: int, only: list[str] | None, skip: list[str] | None, skip_memory: bool) -> None:
        self.repeats, self.only, self.skip, self.skip_memory = repeats, only, skip or [], skip_memory
        self.console = Console()
        self.console.width = max(self.console.width, WIDTH)

    def wanted(self, names: Any) -> list[str]:
        """The variants to run; MONAI's in float32 always, and first."""
        chosen = [name for name in names if not self.only or any(one in name for one in self.only)]
        chosen = [name for name in chosen if not any(one in name for one in self.skip)]
        return ["MONAI float32", *(name for name in chosen if name != "MONAI float32")]

    def show(self, result: dict[str, Any], profile: str, device: str) -> None:
        """Print the table of one comparison."""
        what = "training step" if result["training"] else "inference"
        height, width = result["size"]
        table = Table(title=f"{profile}, {what}, batch {result['batch']}, {height}x{width} px, {device}")
        difference = "worst gradient" if result["training"] else "difference of each map"
        for column in (
            "variant",
            "median s",
            "ratio",
            "fastest s",
            "ratio",
            "images/s",
            "of ceiling",
            difference,
            "peak GB",
        ):
            table.add_column(column, justify="left" if column == "variant" else "right", no_wrap=True)
        for name, row in result["variants"].items():
            found = row["relative_difference"]
            found = [found] if result["training"] else found
            peak = row["peak_memory_gb"]
            table.add_row(
                name,
                f"{row['seconds']:.3f}",
                f"{row['ratio']:.2f}",
                f"{row['fastest_seconds']:.3f}",
                f"{row['ratio_of_fastest']:.2f}",
                f"{row['images_per_second']:.2f}",
                f"{row['share_of_ceiling']:.0%}",
                " ".join(f"{one:.1e}" for one in found),
                "" if peak is None else f"{peak:.2f}",
            )
        self.console.print(table)
        for name, reason in result["left_out"].items():
            self.console.print(f"{name} left out: {reason}")


def main(
    profile: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "released",
    sizes: Annotated[list[str], typer.Option("--size", help="HEIGHTxWIDTH in pixels; repeat it for more.")] = SIZES,
    batches: Annotated[list[int], typer.Option("--batch", help="Images per call; repeat it for more.")] = BATCHES,
    training_batch: Annotated[int, typer.Option(help="Images per training step; 0 for none.")] = 4,
    repeats: Annotated[int, typer.Option(help="Rounds at inference.")] = 7,
    training_repeats: Annotated[int, typer.Option(help="Rounds of training steps.")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="Only variants with this in their name.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Not the variants with this in their name.")] = None,
    skip_memory: Annotated[bool, typer.Option(help="Do not measure peak memory.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cuda" if torch.cuda.is_available() else "cpu",
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
) -> None:
    """Compare every variant at every size and batch, print the tables, and write the JSON after each."""
    settings = Settings(repeats, only, skip, skip_memory)
    variants = Variants(PROFILES[profile], device)
    machine = {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    report = {"profile": profile, "machine": machine, "comparisons": []}
    shapes = [tuple(int(side) for side in size.split("x")) for size in sizes]
    jobs = [((batch, *shape), False) for shape in shapes for batch in batches]
    jobs += [((training_batch, *shape), True) for shape in shapes[:1] if training_batch]
    for shape, training in jobs:
        settings.repeats = training_repeats if training else repeats
        result = compare(variants, shape, training, settings)
        settings.show(result, profile, device)
        report["comparisons"].append(result)
        if out:
            out.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
