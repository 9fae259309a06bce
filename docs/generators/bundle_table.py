"""The table of bundles in the README, from their cards: `python docs/generators/bundle_table.py --write`."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
START, END = "<!-- bundles -->\n", "<!-- /bundles -->\n"
HEAD = "| bundle | task | own test set | external test sets | plain network |\n|---|---|---|---|---|\n"


def bundle_folders() -> list[Path]:
    """The folders of all bundles, in order of name."""
    return sorted(path.parents[1] for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file; empty where there is none, as for a bundle without weights."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


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


def interval(number: dict[str, float]) -> str:
    """A mean with its 95 % interval."""
    return f"{number['mean']:.3f} ({number['low']:.3f} to {number['high']:.3f})"


def scores(test_set: str, numbers: dict[str, dict[str, float]]) -> str:
    """The numbers of a network on one test set, in one cell."""
    name = test_set.removesuffix(" (external)").removesuffix(" test")
    return f"{name}: " + "; ".join(f"{metric_name(key, numbers)} {interval(number)}" for key, number in numbers.items())


def plain_network(results: dict[str, Any]) -> str:
    """The means of MONAI's plain network, test set by test set in the order of the other columns."""
    found = [(name, means(network)) for networks in results.values() for name, network in networks.items()]
    plain = [(name, text) for name, text in found if name.startswith("MONAI")]
    return f"{plain[0][0]}: " + ", ".join(text for _, text in plain) if plain else ""


def means(numbers: dict[str, dict[str, float]]) -> str:
    """All numbers of a network on one test set, without names and intervals."""
    return "; ".join(f"{number['mean']:.3f}" for number in numbers.values())


def bundle_row(folder: Path) -> str:
    """One bundle in one row: what it does, and how well, where its card says so."""
    metadata = read_json(folder / "configs" / "metadata.json")
    results = read_json(folder / "models" / "model.json").get("results", {})
    cells = {
        external: "<br>".join(
            scores(name, networks["bundle"])
            for name, networks in results.items()
            if name.endswith("(external)") == external and "bundle" in networks  # weights that come with it
        )
        for external in (False, True)
    }
    link = f"[`{folder.name}`](bundles/{folder.name}/docs/README.md) {metadata['version']}"
    return f"| {link} | {metadata['task']} | {cells[False]} | {cells[True]} | {plain_network(results)} |\n"


def bundle_table() -> str:
    """The whole table."""
    return HEAD + "".join(map(bundle_row, bundle_folders()))


def with_table(text: str) -> str:
    """A page with the table between its two marks."""
    before, _, rest = text.partition(START)
    return before + START + bundle_table() + END + rest.partition(END)[2]


def main() -> None:
    """Write the table into the README, or say that it is out of date."""
    text = README.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--write"]:
        README.write_text(with_table(text), encoding="utf-8")
    elif text != with_table(text):
        sys.exit("The README's table of bundles is not that of the cards. Run it with --write.")


if __name__ == "__main__":
    main()
