"""What the cards of the bundles say, and how a number of theirs is called, for the tables that are made of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
BUNDLE = "bundle"  # the network of a card that is the bundle itself, with the weights that come with it
PLAIN = "MONAI"  # how the names of plain networks begin


def bundle_folders() -> list[Path]:
    """The folders of all bundles, in order of name."""
    return sorted(path.parents[1] for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file; empty where there is none, as for a bundle without weights."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_results(folder: Path) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Test set -> network -> number -> mean and interval; empty where nothing was measured."""
    return read_json(folder / "models" / "model.json").get("results", {})


def metric_name(key: str, beside: Collection[str]) -> str:
    """A number of a card in plain words: "head_circumference_mm_error" is "head circumference error in mm".

    Args:
        key: of the number.
        beside: keys of all numbers of the card; a Dice that is the only one needs no label.
    """
    if key.startswith("dice_"):
        alone = sum(one.startswith("dice_") for one in beside) == 1
        return "Dice" if alone else f"Dice, {key.removeprefix('dice_')}"
    name, _, unit = key.removesuffix("_error").rpartition("_")
    words = f"{name} error in {unit}" if name and key.endswith("_error") else key
    return words.replace("_", " ").replace("auc", "AUC")


def between_marks(text: str, name: str, table: str) -> str:
    """A page with a table between the two marks of that name."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, _, rest = text.partition(start)
    return before + start + table + end + rest.partition(end)[2]
