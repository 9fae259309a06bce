"""Each check finds, by its name, the one thing that is broken in a copy of a bundle, and says what to do."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from counting_network import CountingNetwork
from typer.testing import CliRunner

import echocare_core as echocare
from echocare_core.bundle import shipped_folder
from echocare_core.checks import CHECKS, Finding, run_check
from echocare_core.cli import app

HEAD, PRETRAINING = "fetal_head_segmentation", "ultrasound_pretraining"
METADATA, CARD = "configs/metadata.json", "models/model.json"
INFERENCE, TRAIN = "configs/inference.json", "configs/train.json"
Break = Callable[[Path], object]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A bundle that passes, to be broken."""
    return Path(shutil.copytree(shipped_folder() / HEAD, tmp_path / HEAD))


def run(name: str, folder: Path) -> tuple[Finding, ...]:
    """The check of that name, alone."""
    [check] = [check for check in CHECKS if check.name == name]
    return run_check(check, folder)


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Break:
    """Change a JSON file of a bundle in place."""

    def broken(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return broken


def write(name: str, content: str) -> Break:
    def broken(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)

    return broken


def delete(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def large_file(folder: Path) -> None:
    with (folder / "docs" / "film.txt").open("wb") as file:
        file.truncate(26 * 1024 * 1024)


def save_weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Break:
    """Write the weights anew, with other content."""

    def broken(folder: Path) -> None:
        state = torch.load(folder / "models" / "model.pt")
        torch.save(change(state), folder / "models" / "model.pt")

    return broken


def count_calls(folder: Path) -> None:
    edit(INFERENCE, lambda config: config.update(network_def={"_target_": "counting_network.CountingNetwork"}))(folder)
    torch.save(CountingNetwork().state_dict(), folder / "models" / "model.pt")


BREAKS: list[tuple[str, Break, str]] = [
    ("files", delete("docs/data_license.txt"), r"docs/data_license.txt is missing; add it"),
    ("files", delete("models/model.pt"), r"models/model.pt is missing"),
    ("files", write("configs/evaluate.json", "{"), r"evaluate.json is not readable as JSON"),
    ("files", write("configs/evaluate.json", "[]"), r"evaluate.json is JSON without names and values"),
    ("no code", write("configs/network.py", ""), r"configs/network.py would clash"),
    ("no code", write("scripts/run.sh", ""), r"scripts/ would clash"),
    (
        "no macros",
        edit(TRAIN, lambda train: train.update(seed="%inference.json::seed")),
        r"train.json reads",
    ),
    (
        "no macros",
        edit(INFERENCE, lambda config: config.update(label_names=["segment #1"])),
        r"inference.json has a # in label_names#0, of which MONAI makes ::",
    ),
    ("large files", large_file, r"docs/film.txt has over 25 MB; list it in large_files.yml"),
    ("large files", write("large_files.yml", "- one"), r"large_files.yml is no list"),
    ("name", edit(METADATA, lambda metadata: metadata.update(bundle_name="heart")), r"bundle_name is heart; rename"),
    ("metadata", edit(METADATA, lambda metadata: metadata.pop("task")), r"'task' is a required property"),
    (
        "metadata",
        edit(METADATA, lambda metadata: metadata.update(version="1")),
        r"json: version: '1' does",
    ),
    ("changelog", edit(METADATA, lambda metadata: metadata.update(version="9.8.7")), r"does not tell of version 9.8.7"),
    (
        "package version",
        edit(METADATA, lambda metadata: metadata["required_packages_version"].update(echocare="9.8.7")),
        rf"made for echocare 9.8.7, and this is {echocare.__version__}",
    ),
    (
        "package version",
        edit(METADATA, lambda metadata: metadata.update(required_packages_version=None)),
        r"names no version of echocare",
    ),
    (
        "requirements",
        edit(METADATA, lambda metadata: metadata.update(pytorch_version=">=2.13")),
        r"asks for torch >=2.13; name a package and one whole version",
    ),
    (
        "requirements",
        edit(METADATA, lambda metadata: metadata["required_packages_version"].update({"scikit image": "0.26.0"})),
        r"asks for scikit image 0.26.0",
    ),
    (
        "workflow properties",
        edit(INFERENCE, lambda config: config["dataset"].update(transform="@other")),
        r"dataset#transform of configs/inference.json is '@other'; write \"@preprocessing\" there",
    ),
    (
        "workflow properties",
        edit(TRAIN, lambda train: train["train"].update(handlers=[{"_target_": "ValidationHandler", "interval": 1}])),
        r"train#handlers#0#interval of configs/train.json is 1; write \"@val_interval\" there",
    ),
    (
        "scripting",
        edit(CARD, lambda card: card.pop("no_scripting")),
        r"cannot be scripted \(.*\); make it so, or say in",
    ),
    (
        "card",
        edit(METADATA, lambda metadata: metadata.pop("intended_use")),
        r"json has no intended_use; add it",
    ),
    ("card", edit(CARD, lambda card: card.update(results={})), r"models/model.json has no results; add it"),
    ("card", edit(CARD, lambda card: card.pop("licence")), r"models/model.json has no licence; add it"),
    (
        "DICOM codes",
        edit(METADATA, lambda metadata: metadata.update(dicom={"labels": {"head": "69536005"}})),
        r"dicom in metadata.json has no codes; needed",
    ),
    (
        "plausible ranges",
        edit(METADATA, lambda metadata: metadata["plausible"].pop("head_circumference_mm")),
        r"no plausible range for head_circumference_mm; add it with its source",
    ),
    (
        "plausible ranges",
        edit(METADATA, lambda metadata: metadata["plausible"].update(head_circumference_mm={"range": [1, 2]})),
        r"head_circumference_mm under plausible in metadata.json is no range; needed two numbers",
    ),
    (
        "plausible ranges",
        edit(METADATA, lambda metadata: metadata["plausible"]["biparietal_diameter_mm"].update(range=[9, 1])),
        r"biparietal_diameter_mm under plausible in metadata.json is no range",
    ),
    (
        "meant for",
        edit(METADATA, lambda metadata: metadata.update(meant_for="fetal head")),
        r"has meant_for = 'fetal head'; needed names of the organ tree",
    ),
    (
        "meant for",
        edit(METADATA, lambda metadata: metadata.update(judges_what_is_found_by=["a"])),
        r"has judges_what_is_found_by = \['a'\]; needed the name of a bundle",
    ),
    ("checksum", edit(CARD, lambda card: card.update(sha256="00")), r"models/model.json names another"),
    ("inference entries", edit(INFERENCE, lambda config: config.pop("inferer")), r"inference.json has no inferer"),
    ("training entries", edit(TRAIN, lambda config: config["train"].pop("inferer")), r"has no train#inferer; add it"),
    ("training entries", edit(TRAIN, lambda config: config["validate"].pop("key_metric")), r"no validate#key_metric"),
    (
        "training handlers",
        edit(TRAIN, lambda config: config["train"].update(handlers="$[1][:3]")),
        r"train#handlers is no literal list",
    ),
    ("weights", save_weights(lambda state: dict(list(state.items())[1:])), r"model.pt.*missing"),
    ("weights", save_weights(lambda state: {"model": state}), r"wraps the state dict"),
    (
        "weights",
        save_weights(
            lambda state: {
                name: tensor.fill_(torch.inf) if tensor.is_floating_point() else tensor
                for name, tensor in state.items()
            }
        ),
        r"not finite",
    ),
    ("weights", write("models/model.pt", "text"), r"not a weight file"),
    (
        "network shapes",
        edit(METADATA, lambda metadata: metadata["network_data_format"]["outputs"]["pred"].update(num_channels=3)),
        r"doesn't match: `3`; make network_def",
    ),
    (
        "network shapes",
        edit(INFERENCE, lambda config: config["network_def"].update(_target_="monai.networks.nets.Nowhere")),
        r"It ended with \w+: .*mend",
    ),
    ("TorchScript", count_calls, r"It ended with \w+:"),
]


@pytest.mark.parametrize(("name", "damage", "says"), BREAKS)
def test_the_check_fails_and_says_what_to_do(name: str, damage: Break, says: str, copy: Path) -> None:
    damage(copy)

    found = run(name, copy)

    assert [finding.outcome for finding in found] == ["failed"]
    assert re.search(says, found[0].says)


@pytest.mark.parametrize("name", [INFERENCE, CARD, "models/model.pt"])
def test_a_pretraining_is_as_complete_as_any_bundle(name: str, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shipped_folder() / PRETRAINING, tmp_path / PRETRAINING))
    delete(name)(copy)

    assert run("files", copy) == (Finding("files", "failed", f"{name} is missing; add it."),)


def test_a_bundle_for_another_patch_of_this_minor_version_passes(copy: Path) -> None:
    major, minor, *_ = echocare.__version__.split(".")
    version = f"{major}.{minor}.99"
    edit(METADATA, lambda metadata: metadata["required_packages_version"].update(echocare=version))(copy)

    assert run("package version", copy) == (Finding("package version", "passed"),)


def test_every_check_is_seen_to_fail() -> None:
    assert {name for name, _, _ in BREAKS} == {check.name for check in CHECKS}


def test_only_what_is_broken_fails(copy: Path) -> None:
    edit(METADATA, lambda metadata: metadata.pop("intended_use"))(copy)

    findings = echocare.check(copy)

    assert [finding.check for finding in findings] == [check.name for check in CHECKS]
    assert [finding.check for finding in findings if finding.outcome == "failed"] == ["card"]


@pytest.mark.parametrize("task", ["landmarks", "regression", "enhancement", "generation", "pretraining"])
def test_a_task_that_monai_label_does_not_know_is_noted(task: str, copy: Path) -> None:
    renamed = copy.rename(copy.with_name(f"fetal_head_{task}"))
    edit(METADATA, lambda metadata: metadata.update(bundle_name=renamed.name))(renamed)

    assert [finding.outcome for finding in run("name", renamed)] == ["noted"]


def test_what_has_no_code_is_noted_by_name(copy: Path) -> None:
    edit(METADATA, lambda metadata: metadata["dicom"].update(labels={}, measurements={}))(copy)
    label, measurements = run("DICOM codes", copy)
    assert label.outcome == measurements.outcome == "noted"
    assert "no code for the label head" in label.says
    assert "measurement biparietal_diameter, gestational_age, " in measurements.says


def test_a_name_without_a_task_fails(copy: Path) -> None:
    renamed = copy.rename(copy.with_name("fetal_heads"))
    edit(METADATA, lambda metadata: metadata.update(bundle_name=renamed.name))(renamed)

    assert "ends in no task" in run("name", renamed)[0].says


def test_a_bundle_that_cautions_against_itself_may_have_no_results(copy: Path) -> None:
    edit(CARD, lambda card: card.update(results={}))(copy)
    edit(METADATA, lambda metadata: metadata.update(caution="not trained"))(copy)
    assert [finding for finding in run("card", copy) if finding.outcome == "failed"] == []


def test_the_card_may_exclude_the_export(copy: Path) -> None:
    edit(CARD, lambda card: card.update(no_torchscript="its loop ends where the picture says"))(copy)

    assert run("TorchScript", copy) == (
        Finding("TorchScript", "noted", "The card excludes the export: its loop ends where the picture says"),
    )


def test_a_large_file_that_is_listed_passes(copy: Path) -> None:
    large_file(copy)
    row = "{path: docs/film.txt, url: 'https://host.example/film', hash_val: '0', hash_type: sha256}"
    write("large_files.yml", f"large_files:\n- {row}\n")(copy)

    assert run("large files", copy) == (Finding("large files", "passed"),)


def test_the_command_shows_every_check_and_fails_with_the_bundle(copy: Path) -> None:
    edit(CARD, lambda card: card.pop("origin"))(copy)

    ran = CliRunner().invoke(app, ["check", str(copy)])

    assert ran.exit_code == 1
    assert "models/model.json has no origin; add it." in ran.output
    assert all(check.name in ran.output for check in CHECKS)
    assert "0 of 1 bundles pass." in ran.output


def test_the_command_checks_all_that_are_found(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.setattr("echocare_core.checks.check", lambda folder: seen.append(folder) or ())

    ran = CliRunner().invoke(app, ["check"])

    assert ran.exit_code == 0
    assert seen == echocare.list_bundles()
