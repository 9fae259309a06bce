"""A result says how it was made, whoever started the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from bright_network import BrightNetwork
from bundle_workflow import run_bundle
from html_page import Page
from output_bundle import write_output_bundle
from small_tables import write_table
from typer.testing import CliRunner
from ultrasound_files import marked, write_ultrasound

import echocare_core as echocare
from echocare_core.checksum import sha256_of
from echocare_core.cli import app
from echocare_core.version import __version__


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = write_output_bundle(tmp_path / "mask", ["mask"])
    sha256 = sha256_of(folder / "models" / "model.pt")
    (folder / "models" / "model.json").write_text(json.dumps({"sha256": sha256}))
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    write_ultrasound(tmp_path / "export" / "IM1", marked(height=48, width=64))
    return tmp_path / "export"


def origin_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "origin.json").read_text(encoding="utf-8"))


def test_a_run_as_the_bundle_is_says_what_it_is(bundle, export, tmp_path):
    results = echocare.predict(bundle, export, tmp_path / "out")
    sha256 = sha256_of(bundle / "models" / "model.pt")

    origin = origin_of(tmp_path / "out")
    assert origin.pop("packages")["echocare"] == __version__
    assert origin == {
        "bundle": "mask",
        "version": "0.1.0",
        "weights_sha256": sha256,
        "weights_are_the_bundles_own": True,
        "engine": "torch",
        "precision": "float32",
        "device": "cpu",
        "files_sha256": {"model.pt": sha256},
        "settings_that_differ": {},
    }
    assert [row["weights_sha256"] for row in results] == [sha256]


def by_python(bundle, export, out):
    echocare.predict(bundle, export, out, settings={"network::precision": "bfloat16", "device": "cpu"})


def by_command(bundle, export, out):
    words = ["predict", str(bundle), str(export), str(out), "--set", "network::precision=bfloat16"]
    assert CliRunner().invoke(app, words).exit_code == 0


def by_monai(bundle, export, out):
    run_bundle(bundle, ["inference.json"], "infer", dataset_dir=str(export), output_dir=str(out),
               **{"network#precision": "bfloat16"})  # fmt: skip


def by_a_second_file(bundle, export, out):
    (bundle / "configs" / "mine.json").write_text(json.dumps({"network#precision": "bfloat16"}))
    run_bundle(bundle, ["inference.json", "mine.json"], "infer", dataset_dir=str(export), output_dir=str(out))


@pytest.mark.parametrize("run", [by_python, by_command, by_monai, by_a_second_file])
def test_every_route_records_the_settings_that_differ(run, bundle, export, tmp_path):
    run(bundle, export, tmp_path / "out")

    origin = origin_of(tmp_path / "out")
    assert origin["settings_that_differ"] == {"network::precision": {"here": "bfloat16", "bundle": "float32"}}
    assert origin["precision"] == "bfloat16"
    assert 'network::precision = "bfloat16" (bundle: "float32" )' in page_text(tmp_path / "out")


def page_text(out: Path) -> str:
    return " ".join(Page((out / "report.html").read_text(encoding="utf-8")).text.split())


def test_weights_that_are_not_the_bundles_own_are_named_as_such(bundle, export, tmp_path):
    mine = tmp_path / "mine #1.pt"
    torch.save({**BrightNetwork().state_dict(), "threshold": torch.tensor(0.25)}, mine)
    echocare.predict(bundle, export, tmp_path / "out", settings={"weights": str(mine)})

    origin = origin_of(tmp_path / "out")
    assert origin["weights_are_the_bundles_own"] is False
    assert origin["files_sha256"] == {"mine #1.pt": sha256_of(mine)}
    assert origin["settings_that_differ"]["weights"]["here"] == str(mine)
    assert "not those that came with the bundle" in page_text(tmp_path / "out")


def test_the_same_run_says_the_same(bundle, export, tmp_path):
    for name in ("one", "other"):
        by_python(bundle, export, tmp_path / name)

    assert (tmp_path / "one" / "origin.json").read_bytes() == (tmp_path / "other" / "origin.json").read_bytes()


def test_a_former_origin_is_replaced_with_the_results_and_no_foreign_one(bundle, export, tmp_path):
    by_python(bundle, export, tmp_path / "out")
    echocare.predict(bundle, export, tmp_path / "out", overwrite=True)
    assert origin_of(tmp_path / "out")["settings_that_differ"] == {}

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "origin.json").write_text("{}")
    with pytest.raises(echocare.errors.OutputError, match=r"holds origin\.json, not written by an earlier run"):
        echocare.predict(bundle, export, tmp_path / "mine", overwrite=True)


def test_an_evaluation_says_which_weights_it_scored(tmp_path, capsys):
    breast = echocare.find_bundle("breast_lesion_segmentation")
    torch.save({**BrightNetwork().state_dict()}, tmp_path / "best.pt")
    run_bundle(
        breast, ["inference.json", "evaluate.json"], "infer", device="cpu",
        dataset_dir=str(write_table(tmp_path / "data")), output_dir=str(tmp_path / "scores"),
        weights=str(tmp_path / "best.pt"), network_def={"_target_": "bright_network.BrightNetwork"},
    )  # fmt: skip
    sha256 = sha256_of(tmp_path / "best.pt")

    origin = json.loads((tmp_path / "scores" / "evaluation.json").read_text())["origin"]
    assert (origin["bundle"], origin["weights_sha256"]) == (breast.name, sha256)
    assert set(origin["settings_that_differ"]) == {"device", "weights", "network_def"}
    assert f"best.pt (SHA-256 {sha256[:12]}...), not the bundle's own" in capsys.readouterr().out
