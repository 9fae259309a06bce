"""What an engine and a precision change in a segmentation bundle's results, image by image.

    python benchmarks/engines.py breast_lesion_segmentation --data BUS_BRA --out runs/engines

The bundle's evaluate.json runs once per engine and precision, nothing else is replaced. The table shows each mean, and
the mean of the differences from PyTorch in float32 with its 95 % interval over patients. The int8 network is
made by `echocare quantize` from frames of the `train` rows. What is measured already is not measured again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from tasks import score

from echocare_core.bundle import find_bundle
from echocare_core.evaluation.averages import mean_of
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.estimate import as_summary, estimate
from echocare_core.evaluation.summary import KEYS, spelled, summarise_means
from echocare_core.frames.manifest import read_table
from echocare_core.prediction import quantize

REFERENCE = "torch float32"
VARIANTS: dict[str, dict[str, Any]] = {
    REFERENCE: {"engine": "torch", "precision": "float32"},
    "torch bfloat16": {"engine": "torch", "precision": "bfloat16"},
    "openvino float32": {"engine": "openvino", "precision": "float32"},
    "openvino bfloat16": {"engine": "openvino", "precision": "bfloat16"},
    "openvino int8": {"engine": "openvino", "precision": "bfloat16"},
}


def main(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a segmentation bundle.")],
    data: Annotated[Path, typer.Option(help="Folder with a table.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for the int8 network, the scores and engines.json.")],
    split: Annotated[str, typer.Option(help="Rows to score; choose on val, report on test.")] = "test",
    frames: Annotated[int, typer.Option(help="Frames of the train rows for int8.")] = 128,
) -> None:
    """Score every variant, and print and write the comparison."""
    folder = find_bundle(bundle)
    out = out / folder.name / data.name / split
    out.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name, settings in VARIANTS.items():
        scores = out / name.replace(" ", "_")
        if not (scores / "evaluation.json").is_file():
            files = {"engine_file": str(int8_network(folder, data, out, frames))} if "int8" in name else {}
            score(folder, data, scores, {**settings, **files, "device": "cpu", "split": split})
        rows[name] = pd.read_csv(scores / "evaluation.csv")
    comparison = {
        name: {"value": summarise_means(own), "difference": differences(own, rows[REFERENCE])}
        for name, own in rows.items()
    }
    (out / "engines.json").write_text(json.dumps(comparison, indent=1) + "\n", encoding="utf-8")
    show(f"{folder.name}, {data.name} {split}", comparison)


def int8_network(folder: Path, data: Path, out: Path, frames: int) -> Path:
    """Quantise the bundle's network on train images, copied to a folder of their own."""
    network = out / "int8.xml"
    if not network.is_file():
        images = [Path(str(row["image"])) for row in read_table(data, "train", masks=False)]
        count = min(frames, len(images))
        (out / "frames").mkdir(exist_ok=True)
        for number in range(count):
            image = images[number * len(images) // count]
            shutil.copy(image, out / "frames" / f"{number:04d}{image.suffix}")
        quantize(folder, out / "frames", network, frames=frames)
    return network


def differences(own: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Summary]:
    """Mean and interval of the differences of the same images."""
    keys = [name for name in KEYS if name in own]
    numbers = [name for name in own.columns if name not in keys]
    both = own.merge(reference, on=keys, suffixes=("", "_reference"), validate="one_to_one")
    change = both[["group"]].assign(**{name: both[name] - both[f"{name}_reference"] for name in numbers})
    return {name: as_summary(estimate(change, mean_of(name))) for name in numbers}


def show(title: str, comparison: dict[str, Any]) -> None:
    """Print a row per variant."""
    numbers = list(comparison[REFERENCE]["value"])
    table = Table("variant", *(head for name in numbers for head in (name, "difference")), title=title)
    for name, parts in comparison.items():
        cells = [(parts["value"][number], parts["difference"][number]) for number in numbers]
        words = [(f"{value['mean']:.4f}", spelled(difference, "+.4f")) for value, difference in cells]
        table.add_row(name, *(cell for pair in words for cell in pair))
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
