"""Images per second of a whole pretraining step beside a plain one, where its time goes, and how fast images are read.

    python benchmarks/pretraining.py --encoder tiny --image-size 64 --batch-size 64 --out pretraining.json

A step makes two views of each picture, one with hidden patches and one without, reconstructs, classifies in the organ
tree, contrasts, takes all gradients and moves all weights. "plain" is that step as one writes it first (see
`pretraining_plain.py`): MONAI's encoder, and loops over the images. Ours is one iteration of the trainer with the
settings of the bundle `ultrasound_pretraining`; its contrast follows the tree, where the plain one knows two views of
an image only. "masked" has mask tokens in the places of half of the patches, as the plain step has; "packed" encodes
one patch of four, which is another task; "mined" lets a teacher choose hard patches, which is more work.

The variants make a step on the same batch in turn, round after round, so that whatever else the machine does falls on
all of them. The tables give medians and the fastest; ratios are to the plain step in float32, round by round. The plain
losses of tree and contrast are compared with ours on the same numbers. The parts of a step are timed in rounds of their
own, each without the parts within it; "heads" are classifier, projector and packing. Images are simulated speckle, JPEG
files of 320x240 px in a temporary folder, which the system has in memory when they are read again; one process reads.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from monai.bundle import ConfigParser
from pretraining_files import Readers, write_files
from pretraining_steps import HEADS, OBJECTIVE, PLAIN, TRAINING, Steps
from rich.console import Console
from rich.progress import track
from rich.table import Table

from echocare_core.bundle import find_bundle
from echocare_core.models import PROFILES
from echocare_core.models.precision import chosen_precision
from echocare_core.pretraining.organs.tree import read_tree

IMAGES = 256  # files to read, if a batch is not larger
WIDTH = 120  # of the tables


def summary(times: Mapping[str, list[float]], images: int) -> dict[str, dict[str, Any]]:
    """What is told of each variant: medians, fastest, and ratios to the plain step."""
    return {
        name: {
            "images_per_second": images / statistics.median(one),
            "ratio": statistics.median(a / b for a, b in zip(times[PLAIN], one, strict=True)),
            "fastest_images_per_second": images / min(one),
            "ratio_of_fastest": min(times[PLAIN]) / min(one),
            "seconds": one,
        }
        for name, one in times.items()
    }


def show(report: Mapping[str, Any]) -> None:
    """Print the tables."""
    console = Console(width=WIDTH)
    columns = ("images/s", "ratio", "fastest images/s", "ratio")
    table = Table(title=f"A step of {report['batch_size']} images, {report['image_size']} px, {report['encoder']}")
    add_columns(table, "variant", columns)
    for name, row in report["steps"].items():
        table.add_row(name, *(f"{row[key]:,.2f}" for key in list(row)[:4]))
    console.print(table)
    shown = ", ".join(f"{name} {difference:.1e}" for name, difference in report["differences"].items())
    console.print(f"auto is {report['machine']['auto']}. Plain losses from ours, relative difference: {shown}.\n")
    table = Table(title="Milliseconds of our step, and shares")
    add_columns(table, "part", [name.removeprefix("ours ") for name in report["parts"]])
    for part in dict.fromkeys(part for found in report["parts"].values() for part in found):
        cells = [(found.get(part), sum(found.values())) for found in report["parts"].values()]
        table.add_row(part, *("" if one is None else f"{1000 * one:,.1f} {one / whole:4.0%}" for one, whole in cells))
    console.print(table)
    table = Table(title=f"{report['images']} images to {report['picture_size']} px")
    add_columns(table, "from", ("images/s", "fastest"))
    for name, speeds in report["loading"].items():
        table.add_row(name, f"{statistics.median(speeds):,.0f}", f"{max(speeds):,.0f}")
    console.print(table)


def add_columns(table: Table, first: str, numbers: Iterable[str]) -> None:
    """A column of names, and columns of numbers."""
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")


def bundle_settings(folder: Path) -> dict[str, Any]:
    """What the pretraining bundle trains all parts with, references resolved."""
    parser = ConfigParser()
    parser.read_config([str(folder / "train.json"), str(folder / "all_parts.json")])
    settings = {name: parser.get_parsed_content(name) for name in TRAINING}
    for part, names in (("network_def", HEADS), ("objective", OBJECTIVE)):
        settings[part] = {name: parser.get_parsed_content(f"{part}#{name}") for name in names}
    return settings


def main(
    encoder: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "tiny",
    image_size: Annotated[int, typer.Option(help="Side of the views in px.")] = 64,
    batch_size: Annotated[int, typer.Option(help="Images in a step.")] = 64,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds.")] = 7,
    threads: Annotated[int | None, typer.Option(help="Of the CPU; by default what PyTorch takes.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for all numbers.")] = None,
) -> None:
    """Time the steps, their parts and the reading of images; print the tables and write the JSON."""
    torch.set_num_threads(threads or torch.get_num_threads())
    folder = find_bundle("ultrasound_pretraining") / "configs"
    settings = bundle_settings(folder)
    tree = read_tree(folder / "organ_tree.yaml")
    images, picture_size = max(IMAGES, batch_size), max(settings["picture_size"], image_size)
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), tree, images)
        readers = Readers(Path(name), tree, picture_size=picture_size, batch_size=batch_size, seed=settings["seed"])
        loading = readers.speeds(partial(track, description="Reading", transient=True), repeats)
        batch = next(readers.batches("cached"))
    steps = Steps(encoder, image_size, batch, tree, settings)
    times = steps.times(repeats)
    report = {
        "encoder": encoder,
        "image_size": image_size,
        "batch_size": batch_size,
        "picture_size": picture_size,
        "images": images,
        "machine": {
            "device": torch.cuda.get_device_name() if steps.device.type == "cuda" else platform.machine(),
            "auto": chosen_precision("auto", steps.device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "steps": summary(times, batch_size),
        "differences": steps.differences(),
        "parts": steps.parts(repeats),
        "loading": loading,
    }
    show(report)
    if out:
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
