"""The table of docs/results.md: each number of the cards in the column of the network that reached it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "docs" / "generators"))

import results_table  # noqa: E402
from cards import bundle_folders  # noqa: E402

PAGE = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")


def number(mean: float, images: int = 20) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "images": images}


def row(test_set: str, **networks: float) -> dict[str, str]:
    """The one row of a test set on which each network has one AUC, by the names of its columns."""
    measured = {name: {"auc": number(mean)} for name, mean in networks.items()}
    [cells] = results_table.rows_of(test_set, measured)
    return dict(zip(("number", "images", *results_table.COLUMNS), cells, strict=True))


@pytest.mark.parametrize("bundle", bundle_folders(), ids=lambda folder: folder.name)
def test_the_page_has_every_number_of_a_card(bundle: Path) -> None:
    rows = "".join(line for line in PAGE.splitlines() if line.startswith(f"| [`{bundle.name}`]"))
    results = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))["results"]
    numbers = [one for networks in results.values() for one in networks.get("bundle", {}).values()]

    assert [one for one in numbers if f"{one['mean']:.3f} ({one['low']:.3f} to {one['high']:.3f})" not in rows] == []


def test_each_network_stands_in_its_column_with_its_interval() -> None:
    networks = {
        "bundle": 0.9, "the same from random weights": 0.6, "MONAI DenseNet121": 0.7,
        "frozen encoder, linear layer": 0.8, "trained without this set": 0.5,
    }  # fmt: skip

    assert row("AUL test", **networks) == {
        "number": "AUC",
        "images": "20",
        "this bundle": "0.900 (0.800 to 1.000)",
        "from random weights": "0.600 (0.500 to 0.700)",
        "plain network or other way": "0.700 (0.600 to 0.800), MONAI DenseNet121",
        "frozen encoder": "0.800 (0.700 to 0.900)",
        "without this set": "0.500 (0.400 to 0.600)",
    }


def test_what_was_not_measured_is_empty() -> None:
    assert row("AUL test", bundle=0.9)["frozen encoder"] == ""


def test_a_version_that_learned_from_one_set_alone_had_left_out_the_others_only() -> None:
    networks = {"bundle": 0.9, "version 0.2.3, BUS-BRA alone": 0.6}

    assert row("BUS-BRA test", **networks)["without this set"] == ""
    assert row("BUSI test", **networks)["without this set"] == "0.600 (0.500 to 0.700), version 0.2.3, BUS-BRA alone"


def test_numbers_that_only_the_page_of_a_bundle_has_are_not_in_the_table() -> None:
    further = {"bundle": {"auc": number(0.9)}, "bundle, further numbers": {"auc_per_patient": number(0.8)}}

    assert [cells[0] for cells in results_table.rows_of("AUL test", further)] == ["AUC"]


def test_it_is_said_how_many_rows_have_a_number_in_each_column() -> None:
    rows = [["AUC", "20", "0.9", "", "0.8", "", ""], ["AUC", "20", "0.9", "", "0.7", "0.6", ""]]

    beside = "0 from random weights, 2 plain network or other way, 1 frozen encoder, 0 without this set"
    assert results_table.filled(rows) == f"Of these 2 rows so many have a number beside that of the bundle: {beside}."


def test_a_bundle_of_which_nothing_is_measured_is_named() -> None:
    assert "Of `untrained` nothing" in results_table.unmeasured({"one": {"AUL test": {}}, "untrained": {}})
