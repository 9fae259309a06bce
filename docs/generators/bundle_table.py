"""The tables of bundles in README.md and of results in docs/results.md, both from the bundles' cards.

python docs/generators/bundle_table.py --write
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cards import (
    BUNDLE,
    PLAIN,
    REPOSITORY,
    between_marks,
    bundle_folders,
    metric_name,
    read_json,
    read_results,
)
from results_table import results_table

from echocare_core.evaluation.summary import spelled

PAGES = {"README.md": "bundles", "docs/results.md": "results"}  # page -> the marks around its table
HEAD = "| bundle | task | own test set | external test sets | plain network |\n|---|---|---|---|---|\n"


def scores(test_set: str, numbers: dict[str, dict[str, float]]) -> str:
    """The numbers of a network on one test set, in one cell."""
    name = test_set.removesuffix(" (external)").removesuffix(" test")
    return f"{name}: " + "; ".join(f"{metric_name(key, numbers)} {spelled(number)}" for key, number in numbers.items())


def plain_network(results: dict[str, Any]) -> str:
    """The means of MONAI's plain network, test set by test set in the order of the other columns."""
    found = [(name, means(network)) for networks in results.values() for name, network in networks.items()]
    plain = [(name, text) for name, text in found if name.startswith(PLAIN)]
    return f"{plain[0][0]}: " + ", ".join(text for _, text in plain) if plain else ""


def means(numbers: dict[str, dict[str, float]]) -> str:
    """All numbers of a network on one test set, without names and intervals."""
    return "; ".join(f"{number['mean']:.3f}" for number in numbers.values())


def bundle_row(folder: Path) -> str:
    """One bundle in one row: what it does, and how well, where its card says so."""
    metadata = read_json(folder / "configs" / "metadata.json")
    results = read_results(folder)
    cells = {
        external: "<br>".join(
            scores(name, networks[BUNDLE])
            for name, networks in results.items()
            if name.endswith("(external)") == external and BUNDLE in networks  # weights that come with it
        )
        for external in (False, True)
    }
    link = f"[`{folder.name}`](bundles/{folder.name}/docs/README.md) {metadata['version']}"
    return f"| {link} | {metadata['task']} | {cells[False]} | {cells[True]} | {plain_network(results)} |\n"


def bundle_table() -> str:
    """The whole table."""
    return HEAD + "".join(map(bundle_row, bundle_folders()))


def main() -> None:
    """Write the tables into their pages, or say which is out of date."""
    tables = {"bundles": bundle_table(), "results": results_table()}
    for name, marks in PAGES.items():
        page = REPOSITORY / name
        text = page.read_text(encoding="utf-8")
        made = between_marks(text, marks, tables[marks])
        if sys.argv[1:] == ["--write"]:
            page.write_text(made, encoding="utf-8")
        elif text != made:
            sys.exit(f"The table of {name} is not that of the cards. Run it with --write.")


if __name__ == "__main__":
    main()
