"""How well `organ_classification` names organs, and how surely it sets aside what it does not know.

    python benchmarks/recognition.py --data DATA                      # measures the bundle's weights
    python benchmarks/recognition.py --data DATA --encoder FILE       # fits them anew on an encoder first

DATA holds the folders of the public data sets. Three tables: the organ of the test parts; the organ of whole data sets
that were left out of the head's training (of organs with two or more sets); and foreign pictures, kind by kind
(`foreign_pictures.py`). Intervals are of 95 %, over groups. Fitting also writes the bundle's weights, their card and
the tables of its page. A training that was interrupted goes on when the command is repeated.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from foreign_pictures import foreign_pictures
from monai.bundle import ConfigParser
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from echocare_core.bundle import find_bundle, read_json
from echocare_core.checksum import sha256_of
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.summary import spelled, summarise_means
from echocare_core.tasks.recognition import NONE, RecognitionLoss, score_organ
from echocare_core.training import export_network

SETS = {  # folder: organ; permissive licences alone
    "bus_bra": "breast",
    "busi": "breast",
    "breast_usg": "breast",
    "hc18": "fetal_head",
    "ccaui_carotid": "carotid_artery",
    "aul_liver": "liver",
    "gallbladder_ba": "gallbladder",
    "dltrack_muscle": "lower_leg_muscle",
    "timtrack_muscle": "lower_leg_muscle",
}
LEFT_OUT = ("bus_bra", "busi", "breast_usg", "dltrack_muscle", "timtrack_muscle")  # of organs with several sets
MOST = {"train": 250, "val": 100, "test": 200}  # images of a set in each split
START, END = "<!-- results -->\n", "<!-- /results -->\n"  # around the tables of the page
SEED, BATCH, EPOCHS, RATE = 0, 16, 4, 0.01  # of the heads that are fitted without a data set


def main(
    data: Annotated[Path, typer.Option(help="Folder with the folders of the data sets.")],
    encoder: Annotated[Path | None, typer.Option(help="Fit the bundle's weights anew on this encoder.")] = None,
    work: Annotated[Path, typer.Option(help="For tables, checkpoints and numbers.")] = Path("runs/recognition"),
) -> None:
    """Fit where an encoder is given, measure, print three tables, and write WORK/recognition.json."""
    bundle = find_bundle("organ_classification")
    rows = write_table(data, work)
    if encoder is not None:
        fit(bundle, encoder, work)
    measured = Measured(bundle)
    images = [measured.look(path) for path in track(rows["image"], description="Test parts and what is left out")]
    rows = rows.assign(feature=[pooled for pooled, _ in images], pred=[pred for _, pred in images])
    known = [Path(path) for path in rows[rows["split"] == "test"]["image"]]
    foreign = pd.DataFrame(measured.foreign(data, known))
    numbers = {
        "organ": summaries(measured.scored(rows[rows["split"] == "test"]), "set"),
        "organ, data set left out": summaries(pd.concat(measured.left_out(rows)), "set"),
        "foreign": summaries(foreign, "kind"),
    }
    (work / "recognition.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    for title, found in numbers.items():
        show(title, found)
    if encoder is not None:
        write_results(bundle, numbers)


def write_table(data: Path, work: Path) -> pd.DataFrame:
    """WORK/table.csv with some images of every set, at most `MOST` of each split; returns its rows, with `set`."""
    work.mkdir(parents=True, exist_ok=True)
    rows = pd.concat([_rows_of(data, work, name).assign(set=name, organ=organ) for name, organ in SETS.items()])
    same = rows["image"].map(lambda path: sha256_of(Path(path))).duplicated()  # one frame of TimTrack is
    rows = rows[~same].reset_index(drop=True)
    rows["group"] = rows["set"] + " " + rows["group"].astype(str)
    rows.to_csv(work / "table.csv", index=False)
    return rows


def _rows_of(data: Path, work: Path, name: str) -> pd.DataFrame:
    """Columns image (absolute path), group and split of one set."""
    folder = (data / name).resolve()
    rows = _gallbladders(folder, work) if name == "gallbladder_ba" else pd.read_csv(folder / "table.csv", dtype=str)
    rows["image"] = [str(folder / image) for image in rows["image"]]
    if name == "timtrack_muscle":  # which has no splits: by subject, one of four to test, one of eight to validate
        subjects = sorted(rows["group"].unique())
        split = {subject: ("train", "val", "train", "test")[number % 4] for number, subject in enumerate(subjects)}
        rows["split"] = rows["group"].map(split)
    some = [
        rows[rows["split"] == split].sample(frac=1, random_state=SEED).head(most).sort_index()
        for split, most in MOST.items()
    ]
    return pd.concat(some)[["image", "group", "split"]]


def _gallbladders(folder: Path, work: Path) -> pd.DataFrame:
    """The crops of the archive as pictures of their own; returns the table of all."""
    made = (work / "gallbladder").resolve()
    made.mkdir(exist_ok=True)
    with np.load(folder / "images.npz", allow_pickle=False) as crops:
        pixels, rows = crops["image"], pd.DataFrame({"group": crops["patient"].astype(str), "split": crops["split"]})
    rows["image"] = [str(made / f"{number:05d}.png") for number in range(len(rows))]
    for path, picture in zip(rows["image"], pixels, strict=True):
        if not Path(path).is_file():
            Image.fromarray(picture).save(path)
    return rows


def fit(bundle: Path, encoder: Path, work: Path) -> None:
    """Train with the bundle's own configuration, and put the weights into the bundle."""
    run = work / "run"
    settings = {"dataset_dir": work, "output_dir": run, "encoder_weights": encoder}
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    config = str(bundle / "configs" / "train.json")
    epochs = read_json(bundle / "configs" / "train.json")["max_epochs"]
    latest = run / "latest.pt"
    if not latest.is_file() or torch.load(latest, map_location="cpu", weights_only=True)["epoch"] < epochs:
        subprocess.run([sys.executable, "-m", "monai.bundle", "run", "--config_file", config, *words], check=True)
    export_network(run / "best.pt", bundle / "models" / "model.pt")


class Measured:
    """The bundle's inference, one picture after the other.

    Args:
        bundle: its folder.
    """

    def __init__(self, bundle: Path) -> None:
        parser = ConfigParser()
        parser.read_config(str(bundle / "configs" / "inference.json"))
        parser.update({"bundle_root": str(bundle), "device": "cpu"})
        self.prepare = parser.get_parsed_content("preprocessing")
        self.network, self.tree = parser.get_parsed_content("network"), parser.get_parsed_content("tree")
        self.recognition = parser.get_parsed_content("recognition")

    @torch.no_grad()
    def look(self, image: Any) -> tuple[Tensor, Tensor]:
        """Pooled features (channels,) and the network's output (nodes + 1,) of a path or pixels."""
        picture = self.prepare({"image": image})["image"].as_tensor()[None]
        pooled = self.network.pool(picture)
        return pooled[0], self.output(pooled)[0]

    def output(self, pooled: Tensor) -> Tensor:
        """The network's output (images, nodes + 1) of pooled features."""
        normalised = self.network.strangeness.normalise(pooled)
        return torch.cat([self.network.head(normalised), self.network.strangeness(normalised)[:, None]], dim=1)

    def foreign(self, data: Path, known: list[Path]) -> Iterator[dict[str, object]]:
        """For each foreign picture its kind, group, and whether the answer is none of these."""
        for picture in track(list(foreign_pictures(data, known, SEED)), description="Foreign pictures"):
            organ = self.recognition.describe(self.look(picture.pixels)[1])[0]
            group = f"{picture.kind} {picture.group}"
            yield {"kind": picture.kind, "group": group, "flagged": float(organ.answer == NONE)}

    def scored(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What is answered of rows with `organ` and `pred`, beside what would be, were no picture strange."""
        found = []
        for row in rows.to_dict("records"):
            outputs = self.recognition.describe(row["pred"])
            scores = score_organ({"organ": row["organ"], "outputs": outputs}, column="organ", tree=self.tree)
            named = {name: value for name, value in outputs[0].probabilities.items() if name != NONE}
            likeliest = float(max(named, key=named.__getitem__) == row["organ"])
            found.append({"set": row["set"], "group": row["group"], **scores, "likeliest_organ_accuracy": likeliest})
        return pd.DataFrame(found)

    def left_out(self, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Answers about all images of each set, of a head and a strangeness that were fitted without it."""
        fitted = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        for name in track(LEFT_OUT, description="Leaving data sets out"):
            others = rows[rows["set"] != name]
            with torch.enable_grad():
                self._fit_again(others)
            with torch.no_grad():
                asked = rows[rows["set"] == name]
                outputs = self.output(torch.stack(list(asked["feature"])))
            yield self.scored(asked.assign(pred=list(outputs)))
        self.network.load_state_dict(fitted)

    def _fit_again(self, rows: pd.DataFrame) -> None:
        train, val = (rows[rows["split"] == split] for split in ("train", "val"))
        features, nodes = _stacked(train["feature"]), torch.tensor([self.tree.find(organ) for organ in train["organ"]])
        shrinkage, false_alarms = (self._of_training(name) for name in ("shrinkage", "false_alarms"))
        self.network.strangeness.fit(features, nodes, shrinkage)
        self.network.strangeness.calibrate(_stacked(val["feature"]), false_alarms)
        torch.manual_seed(SEED)
        self.network.head.reset_parameters()
        self.network.head.requires_grad_(True)
        loss, optimizer = RecognitionLoss(self.tree), torch.optim.AdamW(self.network.head.parameters(), RATE)
        for _ in range(EPOCHS):
            for some in torch.randperm(len(features)).split(BATCH):
                optimizer.zero_grad()
                loss(self.output(features[some]), nodes[some]).backward()
                optimizer.step()

    def _of_training(self, name: str) -> float:
        return float(read_json(find_bundle("organ_classification") / "configs" / "train.json")[name])


def _stacked(features: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(features))


def summaries(rows: pd.DataFrame, by: str) -> dict[str, dict[str, Summary]]:
    """Means with intervals of each set or kind, and of all rows."""
    parts = {str(name): part for name, part in rows.groupby(by, sort=False)}
    return {name: summarise_means(part.drop(columns=by)) for name, part in {**parts, "all": rows}.items()}


def show(title: str, numbers: dict[str, dict[str, Summary]]) -> None:
    """Print one table."""
    names = list(next(iter(numbers.values())))
    table = Table(title, *(name.replace("_", " ") for name in names), "images", "groups")
    for part, found in numbers.items():
        table.add_row(part, *_texts(found), str(found[names[0]]["images"]), str(found[names[0]]["groups"]))
    Console(width=160).print(table)


def write_results(bundle: Path, numbers: dict[str, dict[str, dict[str, Summary]]]) -> None:
    """Put the numbers into the card of the weights, and the tables into the bundle's page."""
    card = bundle / "models" / "model.json"
    of_foreign = {"called_none_of_these": numbers["foreign"]["all"]["flagged"]}
    results = {
        "Test parts of eight data sets": {"bundle": numbers["organ"]["all"]},
        "Data sets left out (external)": {"bundle": numbers["organ, data set left out"]["all"]},
        "Foreign pictures (external)": {"bundle": of_foreign},
    }
    card.write_text(json.dumps({**read_json(card), "results": results}, indent=4) + "\n", encoding="utf-8")
    page = bundle / "docs" / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    tables = "\n\n".join(markdown(title, found) for title, found in numbers.items())
    page.write_text(f"{before}{START}{tables}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def markdown(title: str, numbers: dict[str, dict[str, Summary]]) -> str:
    """One table of the bundle's page."""
    names = list(next(iter(numbers.values())))
    lines = [[title, *(name.replace("_", " ") for name in names), "images", "groups"], ["---"] * (len(names) + 3)]
    for part, found in numbers.items():
        lines.append([part, *_texts(found), str(found[names[0]]["images"]), str(found[names[0]]["groups"])])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _texts(found: dict[str, Summary]) -> list[str]:
    return [spelled(one) for one in found.values()]


if __name__ == "__main__":
    typer.run(main)
