"""What each term of the structured contrast adds to a step that contrasts two views of an image and nothing else.

    python benchmarks/pretraining_terms.py --encoder tiny --image-size 96 --batch-size 64 --out terms.json

A step makes two views of each picture, encodes them, takes the loss and all gradients. The variants take the same
batch in turn, round after round; the table gives medians, and the median over rounds of the ratio to the first. A GPU
waits for its program where a step is made of many small operators, so the operators of forward and backward are counted
too, and those at which the program waits for the GPU in turn ("waits": a value, or a number of rows, is read back).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch.utils._python_dispatch import TorchDispatchMode

from echocare_core.models import PROFILES, EchoCare
from echocare_core.pretraining.objective import Objective
from echocare_core.pretraining.organs.tree import OrganTree, read_tree
from echocare_core.pretraining.stages import Stages

TREE = Path(__file__).resolve().parents[1] / "data_manifests" / "organ_tree.yaml"
IMAGE, LEVELS = [0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.02, 0.0, 0.1, 1.0]  # weights: organ tree, group, image
VARIANTS: dict[str, tuple[list[float], dict[str, float]]] = {  # level weights, terms beside the contrast
    "image": (IMAGE, {}),
    "image, groups and organs": (LEVELS, {}),
    "image, tree labels": (IMAGE, {"hierarchy": 0.1}),
    "image, places": (IMAGE, {"places": 0.5}),
    "all": (LEVELS, {"hierarchy": 0.1, "places": 0.5}),
}
VIEWS = {
    **{"area": 0.08, "aspect": 1.78, "rotation_degrees": 0.0, "flip": 0.5, "gamma": 1.8},
    **{"gain": 0.4, "depth_gain": 0.0, "speckle": 0.0, "blur": 0.5},
}
PICTURE, GROUPS = 160, 40  # px; patients
READING = ("_local_scalar_dense", "nonzero", "_linalg_check_errors", "equal")  # operators that read a value
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")  # that count rows where the index is a mask


class Counter(TorchDispatchMode):
    """Counts operators while it is entered, views of memory left out."""

    def __init__(self) -> None:
        super().__init__()
        self.operators, self.waits = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operator."""
        self.operators += not func.is_view
        name = func.overloadpacket.__name__
        self.waits += name in READING or (name in INDEXING and any(_is_mask(index) for index in args[1]))
        return func(*args, **(kwargs or {}))


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)


def make_batch(tree: OrganTree, images: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Speckle in a sector, with organs and patients at random."""
    torch.manual_seed(0)
    sector = torch.zeros(images, 1, PICTURE, PICTURE, dtype=torch.uint8)
    sector[:, :, 10:-10, 20:-20] = 1
    batch = {
        "image": torch.randint(0, 256, (images, 3, PICTURE, PICTURE), dtype=torch.uint8) * sector,
        "inside_sector": sector,
        "node": torch.randint(-1, len(tree), (images,)),
        "group": torch.randint(0, GROUPS, (images,)),
        "position": torch.arange(images),
    }
    return {name: tensor.to(device) for name, tensor in batch.items()}


def make_step(
    network: EchoCare, tree: OrganTree, variant: str, image_size: int, batch: dict[str, torch.Tensor]
) -> Callable[[], None]:
    """Loss and gradients of a batch."""
    level_weights, terms = VARIANTS[variant]
    sizes = {"steps": 1, "batch_size": len(batch["node"]), "image_size": image_size, "views": ["plain", "plain"]}
    stages = Stages([{"name": variant, **sizes, "reconstruction": 0.0, "contrast": 1.0, **terms}])
    objective = Objective(
        tree, seed=0, views=VIEWS, contrast="hierarchical", temperature=0.1, level_weights=level_weights,
        places_per_image=6, target="pixels", sector_only=True, precision="auto",
    )  # fmt: skip

    def step() -> None:
        network.zero_grad(set_to_none=True)
        objective(network, None, batch, stages.at(0)).loss.backward()

    return step


def main(
    encoder: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "tiny",
    image_size: Annotated[int, typer.Option(help="Side of the views in px.")] = 96,
    batch_size: Annotated[int, typer.Option(help="Images in a step.")] = 64,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds.")] = 9,
    device: Annotated[str, typer.Option(help="Where to train.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Of the processor.")] = 1,
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
) -> None:
    """Time and count the steps, print the table and write the JSON."""
    torch.set_num_threads(threads)
    place, tree = torch.device(device), read_tree(TREE)
    network = EchoCare(
        encoder, nodes=len(tree), decoder=None, decoder_width=64, projector_width=128, place_width=64
    ).to(place)
    batch = make_batch(tree, batch_size, place)
    steps = {name: make_step(network, tree, name, image_size, batch) for name in VARIANTS}
    seconds = time_in_turn(steps, repeats, place)
    rows = {}
    for name, step in steps.items():
        with Counter() as counter:
            step()
        ratio = statistics.median(a / b for a, b in zip(seconds[name], seconds["image"], strict=True))
        counts = {"operators": counter.operators, "waits": counter.waits}
        rows[name] = {"seconds": seconds[name], "ratio": ratio, **counts}
    show(rows, f"A step of {batch_size} images, {image_size} px, {encoder}, on {place}")
    if out:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def time_in_turn(steps: dict[str, Callable[[], None]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of each step in each round, the first round left out: of the processor, or on a GPU by the clock."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    wait = partial(torch.cuda.synchronize, device) if device.type == "cuda" else lambda: None
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    for number in track(range(repeats + 1), "Steps", transient=True):
        for name, step in steps.items():
            wait()
            start = clock()
            step()
            wait()
            if number:
                seconds[name].append(clock() - start)
    return seconds


def show(rows: dict[str, dict[str, Any]], title: str) -> None:
    """Print the table."""
    table = Table(title=title)
    table.add_column("terms")
    for name in ("ms", "ratio", "operators", "waits"):
        table.add_column(name, justify="right")
    for name, row in rows.items():
        cells = f"{1000 * statistics.median(row['seconds']):,.1f}", f"{row['ratio']:.3f}"
        table.add_row(name, *cells, f"{row['operators']:,}", f"{row['waits']:,}")
    Console(width=100).print(table)


if __name__ == "__main__":
    typer.run(main)
