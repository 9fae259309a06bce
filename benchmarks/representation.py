"""What pretraining is worth: recipes trained for the same time, measured on `test` parts by probes and fine-tuning.

    python benchmarks/representation.py --data DATA --work WORK --seconds 480 --seeds 3

DATA holds the folders of the data sets with a table.csv each (data_manifests/README.md). Every recipe trains for the
same processor time: the least time of a step of each of its stages is taken first, on the same machine, and gives the
number of steps, so that a run can be repeated exactly and a busy neighbour costs nobody images. Only permissively
licensed training parts are trained on: MMOTU and the gallbladder's external classes are new to the encoder. Whatever is
finished is kept in WORK, and the same command goes on after an interruption.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from representation_measures import FEW, FEW_DRAWS, MASKS, PROBES, few_shot, load, probe, segmentation
from representation_methods import METHODS, Method, Trainings, prepare_mix
from rich.console import Console
from rich.table import Table
from scipy import stats

from echocare_core.atomic import replacing

DEFAULT = "full less masked modelling"  # train.json, but for its ramp of the organ labels
MAIN = ("random initialisation", "SimMIM", "SimMIM, packed", "SimCLR", "released recipe", "full", DEFAULT)  # fine-tuned


def main(
    data: Annotated[Path, typer.Option(help="Folder with the data sets' folders.")],
    work: Annotated[Path, typer.Option(help="Folder for encoders and results.")],
    seconds: Annotated[float, typer.Option(help="Processor seconds of each training.")] = 480,
    seeds: Annotated[int, typer.Option(help="Trainings of each recipe.")] = 3,
    encoder: Annotated[str, typer.Option(help="Profile of the encoder.")] = "tiny",
    only: Annotated[list[str] | None, typer.Option(help="Recipes to run; all by default.")] = None,
    finetune: Annotated[bool, typer.Option(help="Fine-tune the main recipes too.")] = True,
    threads: Annotated[int, typer.Option(help="Of the processor.")] = 1,
) -> None:
    """Train, measure, and print the tables; WORK/results.json holds every number."""
    torch.set_num_threads(threads)
    work.mkdir(parents=True, exist_ok=True)
    results = _Kept(work / "results.json")
    trainings = Trainings(prepare_mix(data, work), encoder, work, torch.device("cpu"))
    folders = {folder: work / folder if folder == "gallbladder" else data / folder for folder, _ in PROBES.values()}
    names = list(METHODS) if only is None else [name for name in METHODS if name in only]
    if unknown := sorted(set(only or []) - set(METHODS)):
        raise typer.BadParameter(f"Unknown {', '.join(unknown)}; the recipes are {', '.join(METHODS)}.")
    check_same(work / "setup.json", {"encoder": encoder, "seconds": seconds, **{n: repr(METHODS[n]) for n in names}})
    costs = results.found.setdefault("seconds per step", {})
    untimed = {name: METHODS[name] for name in names if isinstance(METHODS[name], Method) and name not in costs}
    costs.update(trainings.seconds_per_step(untimed) if untimed else {})
    for seed in range(seeds):
        for name in names:
            method = METHODS[name]
            path = method if isinstance(method, Path) else None
            if isinstance(method, Method):
                pairs = zip(method.stages, costs[name], strict=True)
                steps = [max(1, round(seconds * stage["share"] / cost)) for stage, cost in pairs]
                path = trainings.train(name, method, seed, steps)
            for task, (folder, label) in PROBES.items():
                results.keep(
                    f"probe/{name}/{seed}/{task}",
                    lambda p=path, f=folders[folder], c=label, s=seed: probe(load(p, encoder, s), f, c),
                )
            if finetune and name in MAIN:
                _finetune(results, name, path, encoder, seed, data)
    report(results.found, names)


def _finetune(results: _Kept, name: str, path: Path | None, encoder: str, seed: int, data: Path) -> None:
    for task, (folder, label) in PROBES.items():
        if task != "gallbladder":
            for count in FEW:
                results.keep(
                    f"few/{name}/{seed}/{task}, {count} images",
                    lambda f=folder, c=label, n=count: np.mean(
                        [few_shot(load(path, encoder, seed), data / f, c, n, draw) for draw in range(FEW_DRAWS)]
                    ),
                )
    for task, (folder, labels) in MASKS.items():
        results.keep(
            f"masks/{name}/{seed}/{task}",
            lambda f=folder, n=labels: segmentation(load(path, encoder, seed), data / f, n, seed),
        )


def check_same(path: Path, setup: dict[str, Any]) -> None:
    """Refuse a WORK whose results come from other settings, and write down those of new ones."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if other := [name for name, value in setup.items() if known.get(name, value) != value]:
        raise typer.BadParameter(
            f"{path.parent} was made with another {', '.join(other)}; needed a new WORK for these."
        )
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps({**known, **setup}, indent=1) + "\n", encoding="utf-8")


class _Kept:
    """Numbers that are computed once and kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def keep(self, key: str, compute: Callable[[], Any]) -> Any:
        if key not in self.found:
            self.found[key] = compute()
            with replacing(self.path) as unfinished:
                unfinished.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        return self.found[key]


def report(found: dict[str, Any], names: list[str]) -> None:
    """Print a row per recipe: means over tasks, then over seeds, with 95 % intervals over seeds."""
    columns: dict[str, Callable[[str, int], list[float]]] = {
        "linear probe": lambda name, seed: [numbers["linear probe"] for numbers in _of(found, "probe", name, seed)],
        "k-NN": lambda name, seed: [numbers["k-NN"] for numbers in _of(found, "probe", name, seed)],
        "16 images": lambda name, seed: _of(found, "few", name, seed, ", 16 images"),
        "64 images": lambda name, seed: _of(found, "few", name, seed, ", 64 images"),
        "all masks, Dice": lambda name, seed: _of(found, "masks", name, seed),
    }
    table = Table(title="Mean over tasks, AUC unless said otherwise; 95 % interval over seeds")
    for column in ("recipe", *columns):
        table.add_column(column)
    for name in names:
        seeds = sorted({int(key.split("/")[2]) for key in found if key.startswith(f"probe/{name}/")})
        cells = [[np.mean(values) for seed in seeds if (values := measure(name, seed))] for measure in columns.values()]
        table.add_row(name, *[_interval(values) for values in cells])
    Console(width=130).print(table)


def _of(found: dict[str, Any], kind: str, name: str, seed: int, ending: str = "") -> list[Any]:
    return [value for key, value in found.items() if key.startswith(f"{kind}/{name}/{seed}/") and key.endswith(ending)]


def _interval(values: list[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return f"{np.mean(values):.3f} ± {half:.3f}"


if __name__ == "__main__":
    typer.run(main)
