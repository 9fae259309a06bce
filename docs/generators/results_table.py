"""The table of docs/results.md, from the cards: each bundle on each of its test sets, beside what it was compared with.

`bundle_table.py` writes it. A card says, for each test set, what each network reached; the columns of the table are
those networks that `benchmarks/tasks.py` trains, by the names that it gives them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cards import BUNDLE, PLAIN, bundle_folders, metric_name, read_results

from echocare_core.evaluation.summary import spelled

OURS, RANDOM, OTHER, FROZEN, LEFT_OUT = COLUMNS = (
    "this bundle",
    "from random weights",
    "plain network or other way",
    "frozen encoder",
    "without this set",
)
NOT_SHIPPED = "trained, weights not shipped"
NETWORKS = {  # of a card -> column
    BUNDLE: OURS,
    NOT_SHIPPED: OURS,
    "the same from random weights": RANDOM,
    "frozen encoder, linear layer": FROZEN,
    "trained without this set": LEFT_OUT,
    "majority answer": OTHER,
    "ellipse of fetal_head_segmentation": OTHER,
    "boxes around masks": OTHER,
    "by regression": OTHER,
    "degraded, the best other": OTHER,
    "median, the best other": OTHER,
}
ALONE = " alone"  # ends the name of a network that learned from one of the sets only: "version 0.2.3, BUS-BRA alone"
HEAD = f"| bundle | test set | number | images | {' | '.join(COLUMNS)} |\n|---|---|---|---|{'---|' * len(COLUMNS)}\n"
Numbers = dict[str, dict[str, float]]


class Cell(NamedTuple):
    """Where a network of a card stands in the table.

    Attributes:
        column: one of `COLUMNS`, "" for none of them.
        note: what of its name the column does not say.
    """

    column: str
    note: str


def results_table() -> str:
    """The whole table, and below it how much of it is empty."""
    cards = {folder.name: read_results(folder) for folder in bundle_folders()}
    rows = [
        (f"[`{name}`](bundles/{name}.md)", test_set, cells)
        for name, results in cards.items()
        for test_set, networks in results.items()
        for cells in rows_of(test_set, networks)
    ]
    lines = [f"| {name} | {test_set} | {' | '.join(cells)} |\n" for name, test_set, cells in rows]
    return "".join([HEAD, *lines, "\n", filled([cells for _, _, cells in rows]), " ", unmeasured(cards), "\n"])


def filled(rows: list[list[str]]) -> str:
    """How many rows have a number in each column but the bundle's own."""
    counts = {
        column: sum(bool(cells[-place]) for cells in rows) for place, column in enumerate(COLUMNS[:0:-1], start=1)
    }
    beside = ", ".join(f"{counts[column]} {column}" for column in COLUMNS[1:])
    return f"Of these {len(rows)} rows so many have a number beside that of the bundle: {beside}."


def unmeasured(cards: dict[str, Any]) -> str:
    """The bundles without a row."""
    names = ", ".join(f"`{name}`" for name, results in cards.items() if not results)
    return f"Of {names} nothing is measured: they are to be trained first." if names else ""


def rows_of(test_set: str, networks: dict[str, Numbers]) -> list[list[str]]:
    """Of each number its name, its images and a cell for each column, empty where it was not measured."""
    placed = [(cell_of(name, test_set), numbers) for name, numbers in networks.items()]
    own = next((numbers for cell, numbers in placed if cell.column == OURS), {})
    return [
        [
            metric_name(key, own),
            f"{own[key]['images']:.0f}",
            *(written(key, [one for one in placed if one[0].column == column]) for column in COLUMNS),
        ]
        for key in own
    ]


def cell_of(network: str, test_set: str) -> Cell:
    """The column of a network, and what of its name stands beside its number."""
    if network.startswith(PLAIN):
        return Cell(OTHER, network)
    if network.startswith("version ") and network.endswith(ALONE):
        learned = network.removesuffix(ALONE).rpartition(", ")[2]
        return Cell("" if test_set.startswith(learned) else LEFT_OUT, network)
    column = NETWORKS.get(network, "")
    return Cell(column, network if column == OTHER or network == NOT_SHIPPED else "")


def written(key: str, networks: list[tuple[Cell, Numbers]]) -> str:
    """A number of the networks of one column."""
    return "<br>".join(
        spelled(numbers[key]) + (f", {cell.note}" if cell.note else "") for cell, numbers in networks if key in numbers
    )
