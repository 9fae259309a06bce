"""What the segmentation bundles find in pictures that do not show what they look for, and how often that is marked.

    python benchmarks/false_findings.py --data DATA

DATA holds the folders of the public data sets. Each bundle runs as it comes on `test` pictures of the other organs, of
ovaries, and on those of its own organ in which there is nothing to find; of a data set at most 40 pictures, one of a
group. Intervals are 95 % over groups. What is marked is marked by `organ_classification`, in the column `doubts`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from echocare_core.bundle import find_bundle, read_metadata
from echocare_core.evaluation.summary import spelled, summarise_means
from echocare_core.prediction import predict

SEED, MOST = 0, 40  # pictures of a data set
SETS = {
    "breast": "bus_bra",
    "fetal head": "hc18",
    "carotid artery": "ccaui_carotid",
    "liver": "aul_liver",
    "ovary": "mmotu_2d",
}
NORMAL = {"breast": ("busi", "pathology"), "liver": ("aul_liver", "category")}  # column where a picture says "normal"
BUNDLES = {  # name: label number that must not be found
    "breast_lesion_segmentation": 1,
    "carotid_lumen_segmentation": 1,
    "fetal_head_segmentation": 1,
    "liver_mass_segmentation": 2,
}


def main(
    data: Annotated[Path, typer.Option(help="Folder with the folders of the data sets.")],
    runs: Annotated[Path, typer.Option(help="Folder for tables and results.")] = Path("runs/false_findings"),
) -> None:
    """Predict, count, and print a table for each bundle (RUNS/false_findings.json)."""
    found = {}
    for bundle, label in BUNDLES.items():
        rows = pictures(data, read_metadata(find_bundle(bundle))["meant_for"])
        (runs / bundle).mkdir(parents=True, exist_ok=True)
        rows.to_csv(runs / bundle / "table.csv", index=False)
        results = predict(bundle, runs / bundle / "table.csv", runs / bundle / "out", overwrite=True)
        answers = pd.DataFrame([answer(row, runs / bundle / "out", label) for row in results])
        found[bundle] = summaries(rows.merge(answers, on="image", validate="one_to_one"))
        show(bundle, found[bundle])
    (runs / "false_findings.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def pictures(data: Path, meant_for: list[str]) -> pd.DataFrame:
    """`image`, `group` and `shows` of pictures without what a bundle for these organs looks for."""
    kinds = [drawn(data / folder).assign(shows=organ) for organ, folder in SETS.items() if organ not in meant_for]
    kinds += [
        drawn(data / folder, column).assign(shows=f"{organ}, normal")
        for organ, (folder, column) in NORMAL.items()
        if organ in meant_for
    ]
    return pd.concat(kinds, ignore_index=True)


def drawn(folder: Path, column: str = "") -> pd.DataFrame:
    """`image` and `group` of some `test` rows of a data set, one of a group; with a column those that are normal."""
    rows = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
    rows = rows[(rows["split"] == "test") & ((rows[column] == "normal") if column else True)]
    rows = rows.sample(frac=1, random_state=SEED).drop_duplicates("group").head(MOST)
    return pd.DataFrame(
        {
            "image": [str((folder / name).resolve()) for name in rows["image"]],
            "group": folder.name + "/" + rows["group"],
        }
    )


def answer(row: dict[str, Any], out: Path, label: int) -> dict[str, Any]:
    """Whether a label was found in a picture, and whether its row is marked as something else."""
    is_found = bool((np.asarray(Image.open(out / row["mask"])) == label).any())
    is_marked = re.search(r"\blooks? like ", row.get("doubts") or "") is not None
    return {"image": row["image"], "found": float(is_found), "found, not marked": float(is_found and not is_marked)}


def summaries(rows: pd.DataFrame) -> dict[str, Any]:
    """Both shares of each kind of picture."""
    return {
        str(shows): summarise_means(some.drop(columns="shows")) for shows, some in rows.groupby("shows", sort=False)
    }


def show(bundle: str, found: dict[str, Any]) -> None:
    """Print them as a table."""
    table = Table("shows", "found", "found, not marked", "pictures", title=bundle)
    for shows, numbers in found.items():
        cells = [spelled(one) for one in numbers.values()]
        table.add_row(shows, *cells, f"{next(iter(numbers.values()))['images']:.0f}")
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
