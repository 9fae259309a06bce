"""What pretraining is worth: recipes trained for the same time, measured on `test` parts by probes and fine-tuning.

    python benchmarks/representation.py run --data DATA --work WORK --seconds 480 --seeds 3
    python benchmarks/representation.py report --work WORK

DATA holds the folders of the data sets with a table.csv each (data_manifests/README.md). Every recipe trains for the
same time of the device: the least time of a step of each of its stages is taken first, on the same machine, and gives
the number of steps, so that a run can be repeated exactly and a busy neighbour costs nobody images. Only permissively
licensed training parts are trained on: MMOTU and the gallbladder's external classes are new to the encoder. A recipe
that sees masks is trained anew for each test, without the masks of the data set that it is tested on, and again without
those of its organ.

The comparison is a list of jobs. What one has found is kept in WORK, so that none is done twice, the same command goes
on after an interruption, and several processes given the same WORK share the jobs; `--jobs` chooses some by name,
`--list` shows them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from representation_comparison import Comparison
from representation_masks import MaskTraining
from representation_methods import MAIN, METHODS, Recipe
from representation_networks import encoder_file
from representation_queue import Queue, chosen
from representation_report import report as in_markdown
from representation_runs import Runs, Setting

from echocare_core.atomic import replacing

app = typer.Typer(add_completion=False)
Work = Annotated[Path, typer.Option(help="Folder for trainings and results.")]


@app.command()
def run(
    data: Annotated[Path, typer.Option(help="Folder with the data sets' folders.")],
    work: Work,
    seconds: Annotated[float, typer.Option(help="Of the device, for each training.")] = 480,
    seeds: Annotated[int, typer.Option(help="Trainings of each recipe.")] = 3,
    encoder: Annotated[str, typer.Option(help="Profile of the encoder.")] = "tiny",
    side: Annotated[int, typer.Option(help="Of the views in training, in px.")] = 96,
    batch: Annotated[int, typer.Option(help="Images of a step of training.")] = 64,
    only: Annotated[list[str] | None, typer.Option(help=f"Recipes; by default {', '.join(MAIN)}.")] = None,
    weights: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER or NAME=FILE: weights that are there, as a further recipe.")
    ] = None,
    contrast: Annotated[
        Path, typer.Option(help="Encoder that 'contrast, then masks' starts from.", dir_okay=False)
    ] = Path("contrast.safetensors"),
    jobs: Annotated[list[str] | None, typer.Option(help="Patterns of jobs, as 'probe/*'; what they need too.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show the jobs, and which are done.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Of the processor.")] = 1,
) -> None:
    """Train and measure what is not done yet."""
    torch.set_num_threads(threads)
    recipes = choose_recipes(only, weights)
    work.mkdir(parents=True, exist_ok=True)
    if not contrast.is_file() and any(isinstance(one, MaskTraining) and one.from_contrast for one in recipes.values()):
        raise typer.BadParameter(f"No file {contrast}; needed the encoder of a contrast. Name it by --contrast.")
    setup = {"encoder": encoder, "seconds": seconds, "side": side, "batch": batch}
    check_same(work / "setup.json", {**setup, **{name: repr(recipe) for name, recipe in recipes.items()}})
    setting = Setting(data.resolve(), work.resolve(), encoder, seconds, side, batch, torch.device(device), contrast)
    wanted = chosen(Comparison(Runs(setting, recipes)).jobs(seeds), jobs or ["*"])
    queue = Queue(work)
    if show:
        for job in wanted:
            typer.echo(f"{'done' if queue.is_done(job.name) else '    '} {job.name}")
        return
    if failed := queue.run(wanted):
        typer.echo(f"{len(failed)} jobs failed: {', '.join(failed)}.", err=True)
        raise typer.Exit(1)


@app.command()
def report(
    work: Work,
    against: Annotated[list[str], typer.Option(help="Recipes to compare features and classes with.")] = ["SimCLR"],  # noqa: B006
    against_masks: Annotated[list[str], typer.Option(help="Recipes to compare masks with.")] = [  # noqa: B006
        "MONAI UNet",
        "MONAI UNet, masks alone",
    ],
) -> None:
    """Print the tables of what is done so far."""
    typer.echo(in_markdown(Queue(work).all_found(), against, against_masks))


def choose_recipes(only: list[str] | None, weights: list[str] | None) -> dict[str, Recipe]:
    """Recipes by name; weights that are there come last."""
    if unknown := sorted(set(only or []) - set(METHODS)):
        raise typer.BadParameter(f"Unknown {', '.join(unknown)}; the recipes are {', '.join(METHODS)}.")
    ready = dict(one.partition("=")[::2] for one in weights or [])
    if missing := [name for name, folder in ready.items() if not encoder_file(Path(folder)).is_file()]:
        raise typer.BadParameter(
            f"{', '.join(missing)}: no encoder.safetensors in the folder, and no file; write NAME=FOLDER or NAME=FILE."
        )
    return {**{name: METHODS[name] for name in only or MAIN}, **{name: Path(path) for name, path in ready.items()}}


def check_same(path: Path, setup: dict[str, Any]) -> None:
    """Refuse a WORK whose results come from other settings, and write down those of new ones."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if other := [name for name, value in setup.items() if known.get(name, value) != value]:
        raise typer.BadParameter(
            f"{path.parent} was made with another {', '.join(other)}; needed a new WORK for these."
        )
    if setup.items() - known.items():
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps({**known, **setup}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
