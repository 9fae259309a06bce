"""How well `organ_detection` finds what it looks for, in each of the data sets it was trained on.

    python benchmarks/detection.py --data DATA --train --choose    # trains, then what each least confidence finds
    python benchmarks/detection.py --data DATA --write             # measures the bundle, for its card and page

DATA holds the folders of the data sets. Their images are joined in one table, WORK/table.csv, at most `MOST` of a set
in each split; its column `structures` says what was drawn in an image, and so what was looked for. Two tables: of each
class and of each data set, on `test`, with 95 % intervals over groups. `--choose` looks at `val` alone: there
`least_score` of the bundle is chosen, where F1 is best. A training that was interrupted goes on when the command is
repeated. Beside it stand boxes around the masks of the bundles for segmentation (`detection_masks.py`), which come
without a confidence, so that their precision over all recalls is that of one point.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from detection_masks import scored_masks
from monai.bundle import ConfigParser
from rich.console import Console
from rich.table import Table
from tasks import checkpoint, run_bundle

from echocare_core.bundle import find_bundle, read_json
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.summary import spelled
from echocare_core.tasks.detection import summarise_boxes
from echocare_core.training import export_network

SETS = {  # folder: what the values 1, 2, ... of its masks are
    "aul_liver": "liver;liver_mass",
    "hc18": "fetal_head",
    "ccaui_carotid": "carotid_lumen",
    "bus_bra": "breast_lesion",
    "busi": "breast_lesion",
    "breast_usg": "breast_lesion",
}
MOST = {"train": 300, "val": 60, "test": 300}  # images of a set in each split
SEED = 0
START, END = "<!-- results -->\n", "<!-- /results -->\n"  # around the tables of the page
NUMBERS = {  # of `summarise_boxes`: its name on the page
    "mean_average_precision": "mAP@[.5:.95]",
    "mean_average_precision_50": "mAP@.5",
    "boxes_sensitivity": "boxes found",
    "boxes_precision": "boxes that are right",
    "boxes_false_per_image": "false boxes per image",
}
ON_CARD = ("mean_average_precision", "mean_average_precision_50", "boxes_sensitivity", "boxes_false_per_image")
MASKS = "boxes around masks"
Numbers = dict[str, Summary]


def main(
    data: Annotated[Path, typer.Option(help="Folder with the folders of the data sets.")],
    train: Annotated[bool, typer.Option("--train", help="Train, and put the weights into the bundle.")] = False,
    choose: Annotated[bool, typer.Option("--choose", help="Look at val alone, where least_score is chosen.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the numbers into the bundle's card and page.")] = False,
    work: Annotated[Path, typer.Option(help="For tables, checkpoints and numbers.")] = Path("runs/detection"),
) -> None:
    """Train where asked, measure, print the tables, and write WORK/detection.json."""
    bundle = find_bundle("organ_detection")
    classes = read_json(bundle / "configs" / "inference.json")["classes"]
    write_table(data, work)
    if train:
        fit(bundle, work)
    if choose:
        show_confidences(scored(bundle, work, "val"))
        return
    rows = scored(bundle, work, "test")
    found = {
        "class": of_classes(summarise_boxes(rows, classes=classes), classes),
        "data set": of_sets(rows, classes),
        MASKS: of_sets(scored_masks(work, "test", drawing_of(bundle)), classes),
    }
    empty = rows[rows["boxes_drawn"] == 0]
    print(f"A box in {int((empty['boxes_given'] > 0).sum())} of {len(empty)} images in which none was drawn.")
    (work / "detection.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for title, numbers in found.items():
        show(title, numbers)
    if write:
        write_results(bundle, found)


def write_table(data: Path, work: Path) -> None:
    """WORK/table.csv with some images of every set."""
    tables = []
    for name, structures in SETS.items():
        folder = (data / name).resolve()
        rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        rows = rows[rows["mask"] != ""]
        for column in ("image", "mask"):
            rows[column] = [str(folder / path) for path in rows[column]]
        some = [
            rows[rows["split"] == split].sample(frac=1, random_state=SEED).head(most).sort_index()
            for split, most in MOST.items()
        ]
        kept = pd.concat(some)[["image", "mask", "group", "split"]]
        tables.append(kept.assign(group=f"{name} " + kept["group"], set=name, structures=structures))
    work.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).to_csv(work / "table.csv", index=False)


def fit(bundle: Path, work: Path) -> None:
    """Train with the bundle's own configuration, and put the weights into the bundle."""
    run, epochs = work / "run", read_json(bundle / "configs" / "train.json")["max_epochs"]
    if not (run / "latest.pt").is_file() or checkpoint(run)["epoch"] < epochs:
        run_bundle(bundle, ["train.json"], {"dataset_dir": work, "output_dir": run})
    export_network(run / "best.pt", bundle / "models" / "model.pt")


def scored(bundle: Path, work: Path, split: str) -> pd.DataFrame:
    """Rows of `score_boxes`, with `group` and `set`, of one split."""
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / name) for name in ("inference.json", "evaluate.json")])
    parser.update({"bundle_root": str(bundle), "dataset_dir": str(work), "output_dir": str(work / split)})
    parser["split"], parser["recogniser"] = split, None  # which marks pictures and changes no box
    parser["handlers"] = [one for one in parser["handlers"] if one["_target_"].endswith(".WriteEvaluation")]
    parser.get_parsed_content("evaluator").run()
    [score] = parser.get_parsed_content("handlers")
    rows = pd.DataFrame(score.rows)
    return rows.assign(set=rows["group"].str.split(" ").str[0])


def show_confidences(rows: pd.DataFrame) -> None:
    """Print what the boxes from each least confidence on find, at an overlap of one half."""
    names = [name.removesuffix("_true_boxes") for name in rows if name.endswith("_true_boxes")]
    scores = np.concatenate([one for name in names for one in rows[f"{name}_box_scores"]])
    hits = np.concatenate([one[0] for name in names for one in rows[f"{name}_box_hits"]])
    drawn = rows["boxes_drawn"].sum()
    table = Table("least_score", "found", "right", "F1", "false per image", title="val")
    for least in np.arange(0.1, 0.9, 0.05):
        given, found = (scores >= least).sum(), hits[scores >= least].sum()
        shares = found / drawn, found / max(1, given), 2 * found / (drawn + given), (given - found) / len(rows)
        table.add_row(f"{least:.2f}", *(f"{share:.3f}" for share in shares))
    Console(width=160).print(table)


def of_classes(every: Numbers, classes: list[str]) -> dict[str, Numbers]:
    """Both precisions of each class."""
    endings = {"": "mean_average_precision", "_50": "mean_average_precision_50"}
    return {
        name: {as_named: every[f"average_precision{ending}_{name}"] for ending, as_named in endings.items()}
        for name in classes
    }


def of_sets(rows: pd.DataFrame, classes: list[str]) -> dict[str, Numbers]:
    """The numbers that stand on the page, of each set and of all."""
    parts = [*rows.groupby("set", sort=False), ("all", rows)]
    found = {str(name): summarise_boxes(part, classes=classes) for name, part in parts}
    return {name: {number: numbers[number] for number in NUMBERS} for name, numbers in found.items()}


def drawing_of(bundle: Path) -> Any:
    """How boxes follow from masks, as the bundle's evaluation says."""
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / name) for name in ("inference.json", "evaluate.json")])
    return parser.get_parsed_content("drawing")


def show(title: str, numbers: dict[str, Numbers]) -> None:
    """Print one table."""
    head, *lines = lines_of(title, numbers)
    table = Table(*head)
    for line in lines:
        table.add_row(*line)
    Console(width=160).print(table)


def lines_of(title: str, numbers: dict[str, Numbers]) -> list[list[str]]:
    """Cells of a table, its head first."""
    names = list(next(iter(numbers.values())))
    head = [title, *(NUMBERS[name] for name in names), "images", "groups"]
    lines = []
    for part, found in numbers.items():
        texts = [spelled(one) for one in found.values()]
        lines.append([part, *texts, str(found[names[0]]["images"]), str(found[names[0]]["groups"])])
    return [head, *lines]


def write_results(bundle: Path, found: dict[str, dict[str, Numbers]]) -> None:
    """Put the numbers into the card of the weights, and the tables into the bundle's page."""
    card = bundle / "models" / "model.json"
    of_all = {"bundle": found["data set"]["all"], MASKS: found[MASKS]["all"]}
    numbers = {who: {name: all_sets[name] for name in ON_CARD} for who, all_sets in of_all.items()}
    results = {"Test parts of six data sets": numbers}
    card.write_text(json.dumps({**read_json(card), "results": results}, indent=4) + "\n", encoding="utf-8")
    page = bundle / "docs" / "README.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    tables = []
    for title, numbers in found.items():
        head, *lines = lines_of(title, numbers)
        tables.append("\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)))
    whole = "\n\n".join(tables)
    page.write_text(f"{before}{START}{whole}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
