"""Exports, tables, weights, names and bundles that mean harm: nothing executed, every good file done, nothing left."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from hostile_files import (
    CANARY,
    write_hostile_bundle,
    write_hostile_export,
    write_hostile_table,
    write_hostile_zip,
)
from output_bundle import write_output_bundle
from warm_python import run_python

from echocare_core.privacy.trace import trace

TESTS = Path(__file__).parents[1]
HEAD = "fetal_head_segmentation"
MOST_MEMORY = 1.5e9  # bytes
COMMANDS = {
    "predict": ["predict", "./bright", "export", "$out"],
    "predict by a name that stands here": ["predict", HEAD, "table", "named"],
    "predict a table": ["predict", "./bright", "table", "of_table"],
    "predict with weights": ["predict", "./bright", "table", "weighed", "--set", "weights=export/weights.pt"],
    "predict with a value": ["predict", "./bright", "table", "valued", "--set", "device=$open('CANARY','w')"],
    "predict a zip": ["predict", "./bright", "hostile.zip", "of_zip"],
    "inspect": ["inspect", "export", "--pixels", "--out", "inventory", "--processes", "1"],
    "deidentify": ["deidentify", "export", "copies"],
    "shards": ["shards", "export", "shards"],
    "check": ["check", "--untrusted", f"export/{HEAD}"],
    "install a zip": ["install", "hostile.zip"],
    "bundles": ["bundles"],
    "quantize": ["quantize", "./bright", "export", "$int8.xml", "--set", "batch_size=1"],
    "pack": ["pack", f"export/{HEAD}", "packed.zip"],
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder, the names of the good files, what each command gave, and the most memory."""
    folder = tmp_path_factory.mktemp("hostile")
    good = write_hostile_export(folder / "export")
    write_output_bundle(folder / "bright", ["mask"])
    write_hostile_bundle(folder / HEAD)
    write_hostile_table(folder / "table", folder / "export" / good[0])
    write_hostile_zip(folder / "hostile.zip")
    (folder / "commands.json").write_text(json.dumps(list(COMMANDS.values())))
    places = {"PYTHONPATH": str(TESTS), "ECHOCARE_BUNDLES": str(folder / "bundles"), "HOME": str(folder)}
    done = run_python(TESTS / "hostile_run.py", "commands.json", cwd=folder, env={**os.environ, **places})
    assert done.returncode == 0, done.stderr
    results, memory = json.loads(done.stdout.splitlines()[-1])
    return folder, good, dict(zip(COMMANDS, results, strict=True)), memory


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_nothing_is_executed(ran):
    folder, *_ = ran
    assert list(folder.rglob(CANARY)) == []


def test_whatever_goes_wrong_is_one_sentence(ran):
    _, _, results, _ = ran
    assert {name: shown for name, (code, shown) in results.items() if code not in (0, 1)} == {}
    assert {name: shown for name, (_, shown) in results.items() if "Traceback" in shown} == {}


def test_every_good_file_is_measured_copied_and_listed(ran):
    folder, good, results, _ = ran
    assert [results[name][0] for name in ("predict", "inspect", "deidentify")] == [0, 0, 0]
    measured = {row["source"] for row in rows(folder / "$out" / "results.csv")}
    names = trace(folder / "export", folder / "copies")
    copied = {names[row["source"]].name for row in rows(folder / "copies" / "deidentified.csv") if row["copy"]}
    listed = {Path(row["image"]).name for row in rows(folder / "inventory" / "table.csv")}
    assert set(good) - {name.removeprefix("./") for name in measured} == set()
    assert set(good) - copied == set()
    assert set(good) - listed == set()


def test_memory_stays_bounded(ran):
    *_, memory = ran
    assert memory < MOST_MEMORY


def test_nothing_is_left_behind(ran):
    folder, *_ = ran
    there = {path.name for path in folder.iterdir()}
    made = {"$out", "$int8.xml", "$int8.bin", "of_table", "named", "inventory", "copies", "copies.key", "shards"}
    given = {HEAD, "export", "bright", "table", "hostile.zip", "commands.json"}
    assert there - made - given == set()
    assert [path for path in folder.rglob("*") if path.name.startswith(".") or path.name == "outside"] == []


def test_terminals_are_shown_no_control_characters(ran):
    _, _, results, _ = ran
    odd = {name: shown for name, (_, shown) in results.items() if "\x1b[31mred" in shown or "\u202e" in shown}
    assert odd == {}


def test_a_hostile_bundle_is_described_without_running_it(ran):
    _, _, results, _ = ran
    code, shown = results["check"]
    assert code == 1
    assert "os.system" in shown
