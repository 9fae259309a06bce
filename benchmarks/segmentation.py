"""Dice of a segmentation bundle beside a MONAI UNet, trained from scratch on the same images at the same size as long.

    python benchmarks/segmentation.py fetal_head_segmentation --data HC18
    python benchmarks/segmentation.py breast_lesion_segmentation --data BUS_BRA --data BUSI --data BREAST

Several data sets are joined in one table, RUNS/BUNDLE_unet/joined/table.csv, on which the bundle trains too; each is
tested by itself.

The UNet is trained by the bundle's own train.json with nothing but `network_def` and `max_epochs` replaced: same table,
same augmentation, loss, optimiser, batches and arithmetic. It gets as many epochs as fit into the time of the bundle's
own training (one epoch of each is timed first, one after the other on the same machine), or as many as `--epochs` says.
Both are scored by the bundle's evaluate.json on the `test` rows. A training that was interrupted goes on when the
command is repeated.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from rich.console import Console
from rich.table import Table

from echocare_core.bundle import find_bundle
from echocare_core.frames.manifest import COLUMNS, FILES

UNET = {
    "_target_": "monai.networks.nets.UNet",
    "spatial_dims": 2,
    "in_channels": 3,
    "out_channels": 2,
    "channels": [16, 32, 64, 128, 256],
    "strides": [2, 2, 2, 2],
    "num_res_units": 2,
}


def main(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a segmentation bundle.")],
    data: Annotated[list[Path], typer.Option(help="Folders with a table.csv that the weights were trained on.")],
    external: Annotated[
        list[Path] | None, typer.Option(help="Further folders with a table.csv: tested, never seen.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder for the UNet's checkpoints and the scores.")] = Path("runs"),
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of the UNet; by default as many as fit into the bundle's own time.")
    ] = None,
) -> None:
    """Train the peer where it is not trained yet, score both, and print the table (RUNS/BUNDLE_unet)."""
    folder = find_bundle(bundle)
    runs = runs / f"{folder.name}_unet"
    train_unet(folder, data[0] if len(data) == 1 else join_tables(data, runs / "joined"), runs, epochs)
    scores: dict[str, dict[str, Any]] = {}
    for table in [*data, *(external or [])]:
        scores[table.name] = {
            "bundle": score(folder, table, runs / "scores" / table.name / "bundle", {}),
            "MONAI UNet": score(
                folder,
                table,
                runs / "scores" / table.name / "unet",
                {"network_def": UNET, "weights": str(runs / "best.pt")},
            ),
        }
    (runs / "comparison.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    show(folder.name, scores)


def join_tables(folders: list[Path], out: Path) -> Path:
    """Write one table of the images of several, with the paths of their files, and groups that stay apart; its folder.

    A set that has no mask of an image leaves it out of the training, as it does by itself.
    """
    tables = []
    for folder in folders:
        rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        rows = rows[[name for name in COLUMNS if name in rows]]
        for name in FILES:
            rows[name] = [str((folder / cell).resolve()) if cell else "" for cell in rows[name]]
        tables.append(rows.assign(group=folder.name + "/" + rows["group"]))
    out.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).to_csv(out / "table.csv", index=False)
    return out


def train_unet(folder: Path, data: Path, runs: Path, epochs: int | None) -> None:
    """Train the UNet for some epochs, or as long as the bundle's own training takes; nothing where that is done."""
    plan = runs / "plan.json"
    if epochs is None and not plan.is_file():
        seconds = {
            name: time_one_epoch(folder, data, runs / f"one_epoch_{name}", settings)
            for name, settings in (("bundle", {}), ("unet", {"network_def": UNET}))
        }
        own = json.loads((folder / "configs" / "train.json").read_text(encoding="utf-8"))["max_epochs"]
        epochs = max(1, round(own * seconds["bundle"] / seconds["unet"]))
        plan.write_text(json.dumps({"epochs": epochs, "seconds_per_epoch": seconds}), encoding="utf-8")
    epochs = epochs or json.loads(plan.read_text(encoding="utf-8"))["epochs"]
    if not (runs / "latest.pt").is_file() or checkpoint(runs)["epoch"] < epochs:
        train(folder, data, runs, {"max_epochs": epochs, "network_def": UNET})


def time_one_epoch(folder: Path, data: Path, run: Path, settings: dict[str, Any]) -> float:
    """Seconds of one epoch with its validation, without the loading of the images."""
    train(folder, data, run, {"max_epochs": 1, **settings})
    return checkpoint(run)["seconds"]


def train(folder: Path, data: Path, output_dir: Path, settings: dict[str, Any]) -> None:
    """Run the bundle's training with some settings replaced."""
    run_bundle(folder, ["train.json"], {"dataset_dir": str(data), "output_dir": str(output_dir), **settings})


def score(folder: Path, data: Path, output_dir: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Evaluate on the test rows of a table; returns the numbers."""
    settings = {"dataset_dir": str(data), "output_dir": str(output_dir), **settings}
    run_bundle(folder, ["inference.json", "evaluate.json"], settings)
    found = json.loads((output_dir / "evaluation.json").read_text(encoding="utf-8"))
    return {name: number for name, number in found.items() if name not in ("weights", "origin")}


def run_bundle(folder: Path, configs: list[str], settings: dict[str, Any]) -> None:
    """`python -m monai.bundle run`, in a process of its own."""
    files = (
        str([str(folder / "configs" / name) for name in configs])
        if len(configs) > 1
        else folder / "configs" / configs[0]
    )
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "monai.bundle", "run", "--config_file", str(files), *options], check=True)


def checkpoint(run: Path) -> dict[str, Any]:
    """What a training wrote after its last epoch."""
    return torch.load(run / "latest.pt", map_location="cpu", weights_only=True)


def show(name: str, scores: dict[str, dict[str, Any]]) -> None:
    """Print mean and 95 % interval of every number, one row per test set and network."""
    numbers = list(next(iter(scores.values()))["bundle"])
    table = Table("test set", "network", *numbers, title=name)
    for test_set, networks in scores.items():
        for network, summary in networks.items():
            table.add_row(test_set, network, *map(in_words, summary.values()))
    Console(width=160).print(table)


def in_words(number: dict[str, float | None]) -> str:
    """Mean, interval and number of images; a number that is known of no image is "unknown"."""
    if number["mean"] is None:
        return "unknown"
    return f"{number['mean']:.3f} ({number['low']:.3f} to {number['high']:.3f}), n={number['images']}"


if __name__ == "__main__":
    typer.run(main)
