"""Speed, memory and exactness of the encoder beside MONAI's own, with the same weights, in one process.

    python benchmarks/encoder.py --profile released --out encoder.json
    python benchmarks/encoder.py --device cuda --minutes 6 --out encoder.json

Every variant encodes the same images in turn with MONAI's network in float32, round after round, so that whatever else
the machine does falls on both; in its turn it is called once to warm up (the threads of another engine go on spinning
for a while, and the caches are full of its weights), and then twice, as in a stream of frames. A row is printed, and
written to `--out`, as soon as it is measured: medians and, for a machine that is shared with others, the fastest calls;
ratios to MONAI's network; the share of the machine's matrix-product ceiling in the row's precision (products of 4096 x
4096 matrices, measured in the same rounds); the relative L2 difference of each map (with random weights) or, of a
training step, of the worst gradient, with the rectifiers made straight (see `without_kinks`); and the peak memory: on
the CPU of a process of its own. A training step is forward, a loss of every map, and all gradients.

On a GPU three cases are measured unless others are asked for: `small` at 128 px with 256 images and at 256 px with 64,
`released` at 256 px with 16. Rows without `torch.compile` come first, then compiled training steps, which take
minutes to compile, then compiled inference. Rows that no longer fit into `--minutes`, need a package or a GPU that is
not there, or fail are named with the reason.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from encoder_memory import memory
from encoder_variants import REFERENCE, SEED, Run, Variants, without_kinks
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from echocare_core.errors import EngineError
from echocare_core.models import PROFILES

CEILING_SIDE = 4096
TIMED = 2  # calls of a variant each time it has its turn at inference, after one that is not timed
COMPILING = 60.0  # seconds that a compiled row is taken to need before one was measured
ON_A_GPU = (("small", 128, 256), ("small", 256, 64), ("released", 256, 16))  # profile, side in px, images
COLUMNS = ("median ms", "ratio", "fastest ms", "ratio", "images/s", "of ceiling", "peak GB")


@dataclass(frozen=True)
class Case:
    """What is run: a profile on a batch (images, height, width), forward alone or as a training step."""

    profile: str
    shape: tuple[int, int, int]
    training: bool


class Budget:
    """Which rows still fit into the time.

    Args:
        minutes: of the whole; None for any time.
    """

    def __init__(self, minutes: float | None) -> None:
        self.end = None if minutes is None else time.perf_counter() + 60 * minutes
        self.longest = {True: COMPILING, False: 0.0}

    def fits(self, is_compiled: bool) -> bool:
        """Whether a row as long as the longest of its kind so far would end in time."""
        return self.end is None or time.perf_counter() + self.longest[is_compiled] < self.end

    def took(self, is_compiled: bool, seconds: float) -> None:
        """Note how long a row took."""
        self.longest[is_compiled] = max(self.longest[is_compiled], seconds)


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


class Comparison:
    """The rows of one case; each is measured beside MONAI's network in float32.

    Args:
        case: what is run.
        device: "cpu" or "cuda".
        repeats: rounds.
        skip_memory: measure no peak memory.
    """

    def __init__(self, case: Case, device: str, repeats: int, skip_memory: bool) -> None:
        self.case, self.device, self.repeats, self.skip_memory = case, device, repeats, skip_memory
        self.variants = Variants(PROFILES[case.profile], device)
        torch.manual_seed(SEED)
        images, *size = case.shape
        self.image = torch.rand(images, 3, *size).to(device)
        self.builders = self.variants.training() if case.training else self.variants.inference(self.image)
        self.work = operations(self.variants.theirs(), self.image, case.training)
        self.reference = self.builders[REFERENCE]()
        self.outcome = self._outcome(self.reference)

    def row(self, name: str) -> dict[str, Any]:
        """Measure one variant.

        Raises:
            EngineError: it needs what is not there.
            RuntimeError: it fails.
        """
        with torch.set_grad_enabled(self.case.training):
            held = self._forget_peak()
            run = self.reference if name == REFERENCE else self.builders[name]()
            found = None if self.case.training and "compiled" in name else differences(self._outcome(run), self.outcome)
            for _ in range(2):  # a compiled one is recorded at its second call
                run(self.image)
            peak = None if self.skip_memory else self._peak(name, held)
            of_reference, times, of_ceiling = self._times(name, run)
        median = statistics.median(times)
        return {
            "seconds": median,
            "fastest_seconds": min(times),
            "times": times,
            "ratio": statistics.median(a / b for a, b in zip(of_reference, times, strict=True)),
            "ratio_of_fastest": min(of_reference) / min(times),
            "images_per_second": len(self.image) / median,
            "share_of_ceiling": self.work / median / (2 * CEILING_SIDE**3 / statistics.median(of_ceiling)),
            "relative_difference": max(found) if found and self.case.training else found,
            "peak_memory_gb": peak,
        }

    def _outcome(self, run: Run) -> list[Tensor]:
        with torch.set_grad_enabled(self.case.training), without_kinks(run) if self.case.training else nullcontext():
            return [one.detach().cpu() for one in run(self.image)]

    def _times(self, name: str, run: Run) -> tuple[list[float], list[float], list[float]]:
        """Seconds of the reference and of a variant in the same rounds, and of the ceiling."""
        products = ceiling(torch.float32 if "float32" in name else torch.bfloat16, self.device)
        seconds(products, self.device)
        times: tuple[list[float], list[float], list[float]] = ([], [], [])
        for _ in range(self.repeats):
            for kept, one in zip(times, (self.reference, run) if run is not self.reference else (run,), strict=False):
                call = lambda one=one: one(self.image)  # noqa: E731
                if not self.case.training:
                    call()
                kept += [seconds(call, self.device) for _ in range(1 if self.case.training else TIMED)]
            times[2].append(seconds(products, self.device))
        return times[0], times[1] or times[0], times[2]

    def _forget_peak(self) -> int:
        """Bytes that others hold on the GPU now; the highest mark so far is forgotten."""
        if self.device != "cuda":
            return 0
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()

    def _peak(self, name: str, held: int) -> float | None:
        if self.device == "cuda":
            return (torch.cuda.max_memory_allocated() - (0 if name == REFERENCE else held)) / 1e9
        return memory(self.variants.profile, name, self.case.shape, self.case.training)


def show(name: str, row: dict[str, Any]) -> None:
    """Print a row."""
    found = row["relative_difference"]
    found = [] if found is None else found if isinstance(found, list) else [found]
    peak = row["peak_memory_gb"]
    cells = (
        *(f"{1000 * row['seconds']:,.1f}", f"{row['ratio']:.2f}"),
        *(f"{1000 * row['fastest_seconds']:,.1f}", f"{row['ratio_of_fastest']:.2f}"),
        *(f"{row['images_per_second']:,.1f}", f"{row['share_of_ceiling']:.0%}", "" if peak is None else f"{peak:.2f}"),
    )
    print(line(name, cells), " ".join(f"{one:.1e}" for one in found), flush=True)


def line(first: str, cells: tuple[str, ...]) -> str:
    """A line of the table."""
    return f"{first:<26}" + "".join(f"{cell:>11}" for cell in cells)


def chosen(names: Any, only: list[str] | None, skip: list[str] | None, compiled: bool) -> list[str]:
    """The variants to run: those with or without `torch.compile`; with those without, MONAI's in float32 always."""
    kept = [name for name in names if not only or any(one in name for one in only)]
    kept = [name for name in kept if not any(one in name for one in skip or [])]
    first = [] if compiled else [REFERENCE]
    return first + [name for name in kept if name != REFERENCE and ("compiled" in name) == compiled]


def all_cases(
    profile: str | None, sizes: list[str] | None, batches: list[int] | None, training_batch: int | None, device: str
) -> list[Case]:
    """What was asked for, or what is measured on that device."""
    if device == "cuda" and not (profile or sizes or batches):
        return [Case(name, (images, side, side), kind) for name, side, images in ON_A_GPU for kind in (True, False)]
    shapes = [tuple(int(side) for side in size.split("x")) for size in sizes or ["256x256"]]
    name, images = profile or "released", 4 if training_batch is None else training_batch
    cases = [Case(name, (batch, *shape), False) for shape in shapes for batch in batches or [1]]
    return cases + [Case(name, (images, *shape), True) for shape in shapes[:1] if images]


def main(
    profile: Annotated[str | None, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = None,
    sizes: Annotated[list[str] | None, typer.Option("--size", help="HEIGHTxWIDTH in px; repeat it for more.")] = None,
    batches: Annotated[list[int] | None, typer.Option("--batch", help="Images per call; repeat it for more.")] = None,
    training_batch: Annotated[int | None, typer.Option(help="Images per training step; 0 for none.")] = None,
    repeats: Annotated[int, typer.Option(help="Rounds at inference.")] = 7,
    training_repeats: Annotated[int, typer.Option(help="Rounds of training steps.")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="Only variants with this in their name.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Not the variants with this in their name.")] = None,
    skip_memory: Annotated[bool, typer.Option(help="Do not measure peak memory.")] = False,
    minutes: Annotated[float | None, typer.Option(help="Rows that would not end in time are left out.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cuda" if torch.cuda.is_available() else "cpu",
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers, written after each row.")] = None,
) -> None:
    """Compare every variant in every case; print and write each row as soon as it is measured."""
    budget = Budget(minutes)
    machine = {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "float32_convolutions": "TF32" if device == "cuda" and torch.backends.cudnn.allow_tf32 else "float32",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    report: dict[str, Any] = {"machine": machine, "comparisons": []}
    cases = all_cases(profile, sizes, batches, training_batch, device)
    cases_of = {False: cases, True: sorted(cases, key=lambda case: not case.training)}
    for compiled in (False, True):
        for case in cases_of[compiled]:
            comparison = Comparison(case, device, training_repeats if case.training else repeats, skip_memory)
            names = chosen(comparison.builders, only, skip, compiled)
            if names:
                measure_rows(comparison, names, compiled, budget, report, out)


def measure_rows(
    comparison: Comparison, names: list[str], compiled: bool, budget: Budget, report: dict[str, Any], out: Path | None
) -> None:
    """Measure the rows of one case, one after the other."""
    case = comparison.case
    batch, height, width = case.shape
    what = f"{'training step' if case.training else 'inference'}{', compiled' if compiled else ''}"
    print(f"\n{case.profile}, {what}, batch {batch}, {height}x{width} px, {report['machine']['device']}")
    print(line("", COLUMNS), " worst gradient" if case.training else " difference of each map", flush=True)
    result = {
        **{"profile": case.profile, "batch": batch, "size": (height, width), "training": case.training},
        **{"gflop": comparison.work / 1e9, "variants": {}, "left_out": {}},
    }
    report["comparisons"].append(result)
    for name in names:
        start = time.perf_counter()
        try:
            if not budget.fits(compiled):
                raise EngineError("not measured: it would not end within --minutes")
            result["variants"][name] = comparison.row(name)
            show(name, result["variants"][name])
        except (EngineError, RuntimeError) as error:
            result["left_out"][name] = next(iter(str(error).splitlines()), type(error).__name__)
            print(f"{name:<26} left out: {result['left_out'][name]}", flush=True)
        else:
            budget.took(compiled, time.perf_counter() - start)
        if out:
            out.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
