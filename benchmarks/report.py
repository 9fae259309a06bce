"""How well breast_report_generation tells the descriptors of BrEaST, beside the majority answer of its training images.

    python benchmarks/report.py --data BREAST
    python benchmarks/report.py --data BREAST --split val

Writes the coded descriptors of BrEaST as the bundle's table has them (RUNS/table/table.csv, on which it trains too),
scores the bundle on the rows of a split, `test` unless you say otherwise, by its evaluate.json (RUNS/scores_SPLIT), and
prints each number.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from tasks import run_bundle

from echocare_core.bundle import find_bundle

BUNDLE = "breast_report_generation"
BETWEEN = re.compile(r"&| - ")
KINDS = ("angular", "indistinct", "microlobulated", "spiculated")
CLASSES = {  # descriptor -> what BrEaST writes -> class
    "tissue_composition": {
        "homogeneous: fat": "homogeneous_fat",
        "homogeneous: fibroglandular": "homogeneous_fibroglandular",
        "heterogeneous: predominantly fat": "heterogeneous",
        "heterogeneous: predominantly fibroglandular": "heterogeneous",
    },
    "shape": {one: one for one in ("oval", "round", "irregular")},
    "margin": {"circumscribed": "circumscribed", "not circumscribed": "not_circumscribed"},
    "echogenicity": {
        "complex cystic/solid": "complex_cystic_solid",
        **{one: one for one in ("anechoic", "heterogeneous", "hyperechoic", "hypoechoic", "isoechoic")},
    },
    "posterior_features": {one: one for one in ("no", "enhancement", "shadowing", "combined")},
    "halo": {"no": "no", "yes": "yes"},
    "calcifications": {"no": "no", "in a mass": "in_a_mass", "intraductal": "intraductal"},
    "skin_thickening": {"no": "no", "yes": "yes"},
    "birads": {"2": "2", "3": "3", "4a": "4", "4b": "4", "4c": "4", "5": "5"},
}


def main(
    data: Annotated[Path, typer.Option(help="Folder with BrEaST's images and table.csv.")],
    runs: Annotated[Path, typer.Option(help="Folder for the table and the scores.")] = Path("runs") / BUNDLE,
    split: Annotated[str, typer.Option(help="Rows to score; val is for choosing.")] = "test",
) -> None:
    """Write the table, score the bundle, and print what came out."""
    table = write_table(data, runs / "table")
    scores = runs / f"scores_{split}"
    settings = {"dataset_dir": table, "output_dir": scores, "split": split}
    run_bundle(find_bundle(BUNDLE), ["inference.json", "evaluate.json"], settings)
    show(json.loads((scores / "evaluation.json").read_text(encoding="utf-8")))


def write_table(data: Path, out: Path) -> Path:
    """BrEaST's table with a column for each descriptor, empty where it is not known; returns its folder."""
    rows = pd.read_csv(data / "table.csv", dtype=str, keep_default_na=False)
    told = [descriptors_of(row) for row in rows.to_dict("records")]
    kept = rows[["image", "group", "split", "pixel_mm"]].assign(
        image=[os.path.relpath((data / image).resolve(), out.resolve()) for image in rows["image"]]
    )
    out.mkdir(parents=True, exist_ok=True)
    pd.concat([kept, pd.DataFrame(told)], axis=1).to_csv(out / "table.csv", index=False)
    return out


def descriptors_of(row: dict[str, str]) -> dict[str, str]:
    """The classes of one row; a kind of margin that it does not name is absent where it names any margin."""
    words = {name: set(BETWEEN.split(row[name])) for name in CLASSES}
    found = {
        name: next((classes[word] for word in sorted(words[name]) if word in classes), "")
        for name, classes in CLASSES.items()
    }
    kinds = {
        f"{kind}_margin": ("yes" if kind in words["margin"] else "no") if found["margin"] else "" for kind in KINDS
    }
    return {**found, **kinds}


def show(scores: dict[str, dict[str, float]]) -> None:
    """Print the numbers."""
    table = Table("number", "mean", "95 % interval", "images")
    for name, number in scores.items():
        if "mean" in number and number["mean"] is not None:
            between = f"{number['low']:.3f} to {number['high']:.3f}"
            table.add_row(name, f"{number['mean']:.3f}", between, f"{number['images']:.0f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
