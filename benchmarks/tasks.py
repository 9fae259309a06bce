"""How well a bundle does beside other networks that had the same images, and on a data set that it has not seen.

    python benchmarks/tasks.py fetal_head_segmentation --data HC18
    python benchmarks/tasks.py breast_lesion_segmentation --data BUS_BRA --data BUSI --data BREAST --against left-out

Several data sets are joined in one table, RUNS/BUNDLE/joined/table.csv, on which the bundle trains too; each is tested
by itself, on its `test` rows, by the bundle's evaluate.json. Beside the bundle's own weights stand those that
`--against` names, each trained by the bundle's own train.json with nothing but a few entries replaced:

    peer        another network from random weights: MONAI's UNet, or DenseNet121 for classes; it gets as many epochs as
                fit into the time of the bundle's training (one epoch of each is timed first), or `--peer-epochs`
    random      the bundle's network from random weights
    frozen      the encoder that comes with the package as it is, under a linear layer that learns (classes only)
    left-out    the bundle's network and start, without the images of the data set that it is tested on; that start has
                seen those images, and of some sets the masks

`--other` adds pictures of other organs to every training, with nothing to find.

A training that was interrupted goes on when the command is repeated.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from rich.console import Console
from rich.table import Table

from echocare_core.bundle import find_bundle
from echocare_core.evaluation.summary import spelled
from echocare_core.frames.manifest import COLUMNS, FILES
from echocare_core.frames.mask_files import NOTHING, place_masks
from echocare_core.tasks.calibration import CALIBRATION

UNET = {
    "_target_": "monai.networks.nets.UNet",
    "spatial_dims": 2,
    "in_channels": 3,
    "out_channels": 2,
    "channels": [16, 32, 64, 128, 256],
    "strides": [2, 2, 2, 2],
    "num_res_units": 2,
}
DENSENET = {"_target_": "monai.networks.nets.DenseNet121", "spatial_dims": 2, "in_channels": 3, "out_channels": 2}
LINEAR = {
    "_target_": "echocare_core.tasks.classification.ClassActivationNetwork",
    "classes": 2,
    "encoder": "small",
    "encoder_weights": "embedded",
    "dropout": 0.2,
}
FROZEN = {
    "_target_": "echocare_core.models.tuning.Tuning",
    "mode": "frozen",
    "layer_decay": 1.0,
    "lora_rank": 1,
    "lora_alpha": 1.0,
}
ALIASES = {"pathology": ("classification",)}  # what a data set calls the column of a bundle
BIRADS_4 = {"4a": "4", "4b": "4", "4c": "4"}
Settings = dict[str, Any]


class Against(str, Enum):
    """What a bundle is measured beside."""

    PEER = "peer"
    RANDOM = "random"
    FROZEN = "frozen"
    LEFT_OUT = "left-out"


def main(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a bundle for segmentation or classification.")],
    data: Annotated[list[Path], typer.Option(help="Folders with a table.csv that the weights were trained on.")],
    external: Annotated[
        list[Path] | None, typer.Option(help="Further folders with a table.csv: tested, never seen.")
    ] = None,
    against: Annotated[list[Against] | None, typer.Option(help="What stands beside it; peer by default.")] = None,
    other: Annotated[list[Path] | None, typer.Option(help="Folders with a table.csv of other organs.")] = None,
    most_of_other: Annotated[int, typer.Option(help="Pictures of each of these in train, at most.")] = 100,
    runs: Annotated[Path, typer.Option(help="Folder for trainings and scores.")] = Path("runs"),
    peer_epochs: Annotated[
        int | None, typer.Option(help="Epochs of the peer; by default as many as fit into the bundle's own time.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: an entry of train.json for every training.")
    ] = None,
    config: Annotated[
        list[Path] | None, typer.Option(help="A configuration that goes over train.json, for every training.")
    ] = None,
) -> None:
    """Train what is not trained yet, score everything, and print the table (RUNS/BUNDLE/comparison.json)."""
    if Against.LEFT_OUT in (against or []) and len(data) < 2:
        raise typer.BadParameter("left-out with one --data; needed another data set to train on. Name it by --data.")
    settings = dict(one.split("=", 1) for one in set_ or [])
    others = pictures_of_others(other or [], most_of_other)
    contest = Contest(find_bundle(bundle), runs / Path(bundle).name, settings, config or (), others)
    if other and contest.classes:
        raise typer.BadParameter(f"--other with {bundle}, which tells classes; needed a bundle that draws masks.")
    if Against.FROZEN in (against or []) and not contest.classes:
        raise typer.BadParameter(f"frozen with {bundle}, which draws masks; needed a bundle that tells classes.")
    joined = contest.table(data, "joined", contest.others)
    weights = {"bundle": lambda _: {}}
    for kind in against or [Against.PEER]:
        weights[contest.name_of(kind)] = contest.contender(kind, data, joined, peer_epochs)
    tested = [*data, *(external or [])]
    scores = {
        place.name: {
            name: contest.score(contest.table([place], f"tables/{place.name}"), f"{place.name}/{name}", find(place))
            for name, find in weights.items()
            if name != contest.name_of(Against.LEFT_OUT) or place in data
        }
        for place in tested
    }
    (contest.runs / "comparison.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    show(contest.folder.name, scores)


class Contest:
    """A bundle and what is trained beside it.

    Args:
        folder: of the bundle.
        runs: folder for trainings and scores.
        settings: entries of train.json for every training.
        configs: configurations that go over train.json, for every training.
        others: rows of pictures with nothing to find, for every training.
    """

    def __init__(
        self,
        folder: Path,
        runs: Path,
        settings: Settings,
        configs: Sequence[Path] = (),
        others: pd.DataFrame | None = None,
    ) -> None:
        self.folder, self.runs, self.settings = folder, runs, settings
        self.configs, self.others = [one.resolve() for one in configs], others
        self.train_config = json.loads((folder / "configs" / "train.json").read_text(encoding="utf-8"))
        self.classes: list[str] = self.train_config.get("classes", [])
        self.column = self.train_config["train"]["dataset"].get("columns", [""])[0]

    def table(self, folders: Sequence[Path], name: str, others: pd.DataFrame | None = None) -> Path:
        """The table of one data set, or of several, as the bundle reads it; its folder."""
        return join_tables(folders, self.runs / name, self.column, self.classes, others)

    def name_of(self, kind: Against) -> str:
        """How a contender is called in tables."""
        peer = "MONAI DenseNet121" if self.classes else "MONAI UNet"
        return {
            Against.PEER: peer,
            Against.RANDOM: "the same from random weights",
            Against.FROZEN: "frozen encoder, linear layer",
            Against.LEFT_OUT: "trained without this set",
        }[kind]

    def contender(
        self, kind: Against, data: Sequence[Path], joined: Path, peer_epochs: int | None
    ) -> Callable[[Path], Settings]:
        """Train one kind; gives, for a data set, the entries of inference.json with which it is scored."""
        if kind is Against.LEFT_OUT:
            return lambda place: self.left_out(place, data)
        entries = self.entries(kind)
        epochs = self.epochs_of_peer(joined, entries, peer_epochs) if kind is Against.PEER else None
        run = self.trained(joined, kind.value, {**entries, **({"max_epochs": epochs} if epochs else {})})
        return lambda _: {"weights": str(run / "best.pt"), **{k: v for k, v in entries.items() if k == "network_def"}}

    def entries(self, kind: Against) -> Settings:
        """Entries of train.json that make a contender."""
        random = ["encoder_weights", *(["decoder_weights", "structures"] if not self.classes else [])]
        labels = len(self.classes) or self.train_config["labels"]
        peer = {**(DENSENET if self.classes else UNET), "out_channels": labels}
        return {
            Against.PEER: {"network_def": peer},
            Against.RANDOM: dict.fromkeys(random),
            Against.FROZEN: {"network#tuning": FROZEN, "network_def": {**LINEAR, "classes": labels}, "outside": 0.0},
        }[kind]

    def left_out(self, place: Path, data: Sequence[Path]) -> Settings:
        """Trained on all data sets but one."""
        rest = [one for one in data if one != place]
        run = self.trained(self.table(rest, f"without_{place.name}/data", self.others), f"without_{place.name}", {})
        return {"weights": str(run / "best.pt")}

    def trained(self, table: Path, name: str, entries: Settings) -> Path:
        """The folder of a training, which is done or gone on with where it is not."""
        run = self.runs / name
        epochs = int({**self.train_config, **self.settings, **entries}["max_epochs"])
        done = checkpoint(run)["epoch"] if (run / "latest.pt").is_file() else 0
        if done < epochs or (self.classes and not (run / CALIBRATION).is_file()):
            run_bundle(
                self.folder,
                ["train.json", *self.configs],
                {"dataset_dir": table, "output_dir": run, **self.settings, **entries},
            )
        return run

    def epochs_of_peer(self, joined: Path, peer: Settings, epochs: int | None) -> int:
        """Epochs that take the peer as long as the bundle its own."""
        plan = self.runs / "plan.json"
        if epochs is None and not plan.is_file():
            seconds = {
                name: self.seconds_of_an_epoch(joined, f"one_epoch_{name}", entries)
                for name, entries in (("bundle", {}), ("peer", peer))
            }
            own = int({**self.train_config, **self.settings}["max_epochs"])
            epochs = max(1, round(own * seconds["bundle"] / seconds["peer"]))
            plan.write_text(json.dumps({"epochs": epochs, "seconds_per_epoch": seconds}), encoding="utf-8")
        return epochs or json.loads(plan.read_text(encoding="utf-8"))["epochs"]

    def seconds_of_an_epoch(self, joined: Path, name: str, entries: Settings) -> float:
        """Of one epoch with its validation, without the loading of the images."""
        run = self.trained(joined, name, {**entries, "max_epochs": 1})
        return checkpoint(run)["seconds"]

    def score(self, table: Path, name: str, settings: Settings) -> Settings:
        """Evaluate on the test rows of a table; returns the numbers."""
        return score(self.folder, table, self.runs / "scores" / name.replace(" ", "_"), settings)


def score(folder: Path, table: Path, out: Path, settings: Settings) -> Settings:
    """Evaluate a bundle on the test rows of a table; returns the numbers.

    What was fitted with the weights in `settings` counts (`CALIBRATION`, beside them).
    """
    fitted = Path(settings["weights"]).with_name(CALIBRATION) if "weights" in settings else None
    extra = [fitted] if fitted and fitted.is_file() else []
    settings = {"dataset_dir": table, "output_dir": out, **settings}
    run_bundle(folder, ["inference.json", "evaluate.json", *extra], settings)
    found = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    return {name: number for name, number in found.items() if name not in ("weights", "origin")}


def run_bundle(folder: Path, configs: Sequence[str | Path], settings: Settings) -> None:
    """`python -m monai.bundle run`, in a process of its own."""
    files = [str(folder / "configs" / name) if isinstance(name, str) else str(name) for name in configs]
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    whole = str(files) if len(files) > 1 else files[0]
    subprocess.run([sys.executable, "-m", "monai.bundle", "run", "--config_file", whole, *options], check=True)


def pictures_of_others(folders: Sequence[Path], most: int) -> pd.DataFrame:
    """Rows of `train` pictures of other organs, of all groups alike, with nothing to find."""
    tables = [pd.DataFrame()]
    for folder in folders:
        rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        rows = rows[rows["split"] == "train"].sample(frac=1, random_state=0)
        rows = rows.iloc[rows.groupby("group").cumcount().argsort(kind="stable")].head(most)
        images = [str((folder / cell).resolve()) for cell in rows["image"]]
        described = {"image": images, "mask": NOTHING, "group": folder.name + "/" + rows["group"], "split": "train"}
        tables.append(pd.DataFrame(described))
    return pd.concat(tables)


def join_tables(
    folders: Sequence[Path],
    out: Path,
    column: str = "",
    classes: Sequence[str] = (),
    others: pd.DataFrame | None = None,
) -> Path:
    """Write one table of the images of several, with the paths of their files, and groups that stay apart; its folder.

    A set that has no mask of an image leaves it out of the training, as it does by itself; an image of another class
    than the bundle's is left out here.
    """
    tables = []
    for folder in folders:
        rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        if column:
            named = next((name for name in (column, *ALIASES.get(column, ())) if name in rows), None)
            if named is None:
                raise typer.BadParameter(f"{folder / 'table.csv'} has no column {column}; needed the classes. Add it.")
            rows[column] = rows[named].replace(BIRADS_4)
            rows = rows[rows[column].isin(classes)]
        rows = rows[[name for name in (*COLUMNS, column) if name in rows]]
        for name in (name for name in FILES if name in rows):
            rows[name] = [place_masks(cell, folder.resolve()) if cell else "" for cell in rows[name]]
        tables.append(rows.assign(group=folder.name + "/" + rows["group"]))
    out.mkdir(parents=True, exist_ok=True)
    pd.concat([*tables, others]).to_csv(out / "table.csv", index=False)
    return out


def checkpoint(run: Path) -> Settings:
    """What a training wrote after its last epoch."""
    return torch.load(run / "latest.pt", map_location="cpu", weights_only=True)


def show(name: str, scores: Settings) -> None:
    """Print mean and 95 % interval of every number, one row per test set and network; nothing where it has none."""
    every = [summary for networks in scores.values() for summary in networks.values()]
    numbers = list(dict.fromkeys(number for summary in every for number in summary))
    table = Table("test set", "network", *numbers, title=name)
    for test_set, networks in scores.items():
        for network, summary in networks.items():
            table.add_row(
                test_set, network, *(in_words(summary[number]) if number in summary else "" for number in numbers)
            )
    Console(width=160).print(table)


def in_words(number: dict[str, Any]) -> str:
    """Mean, interval and number of images; a number that is known of no image is "unknown"."""
    return spelled(number) if number["mean"] is None else f"{spelled(number)}, n={number['images']}"


if __name__ == "__main__":
    typer.run(main)
