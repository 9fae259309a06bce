"""What MONAI, its Model Zoo and MONAI Label need of a bundle's folder."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, verify_metadata, verify_net_in_out

from echocare_core import __version__

SCHEMA = Path(__file__).with_name("metadata_schema.json")
LARGEST_WEIGHTS = 4_000_000
CONFIGS = ("inference.json", "train.json", "evaluate.json", "multi_gpu_train.json")


def config(bundle: Path, *names: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / name) for name in names])
    parser.read_meta(str(bundle / "configs" / "metadata.json"))
    return parser


@pytest.mark.parametrize(
    "name", ["LICENSE", "models/model.pt", "models/model.json", "docs/README.md", "docs/data_license.txt"]
)
def test_a_bundle_is_complete(bundle: Path, name: str) -> None:
    assert (bundle / name).is_file()


def test_a_bundle_carries_no_code(bundle: Path) -> None:
    assert not list(bundle.rglob("*.py"))


def test_metadata_is_valid(bundle: Path) -> None:
    verify_metadata(meta_file=str(bundle / "configs" / "metadata.json"), filepath=str(SCHEMA))


def test_metadata_without_a_version_is_not_valid(bundle: Path, metadata: dict[str, Any], tmp_path: Path) -> None:
    del metadata["version"]
    (tmp_path / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")

    with pytest.raises(ValueError, match="'version' is a required property"):
        verify_metadata(meta_file=str(tmp_path / "metadata.json"), filepath=str(SCHEMA))


def test_the_changelog_tells_of_the_version(metadata: dict[str, Any]) -> None:
    assert metadata["version"] in metadata["changelog"]


def test_the_bundle_needs_this_version_of_the_package(metadata: dict[str, Any]) -> None:
    assert metadata["required_packages_version"]["echocare"] == __version__


def test_the_network_takes_and_gives_what_the_metadata_say(bundle: Path) -> None:
    verify_net_in_out(
        "network_def",
        meta_file=str(bundle / "configs" / "metadata.json"),
        config_file=str(bundle / "configs" / "inference.json"),
        device="cpu",
    )


def test_monai_finds_every_property_it_asks_an_inference_for(bundle: Path) -> None:
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / "inference.json"), workflow_type="infer", logging_file=False
    )
    wanted = {"bundle_root", "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer"}

    assert wanted <= set(workflow.parser.config)
    assert {"preprocessing", "postprocessing", "handlers", "output_dir"} <= set(workflow.parser.config)


def test_monai_finds_every_property_it_asks_a_training_for(bundle: Path) -> None:
    parser = config(bundle, "train.json")
    train = ["trainer", "trainer#max_epochs", "dataset", "dataset#data", "inferer", "handlers", "preprocessing"]
    validate = ["evaluator", "dataset", "dataset#data", "handlers", "inferer", "preprocessing", "key_metric"]
    wanted = ["bundle_root", "device", "dataset_dir", "network", *(f"train#{name}" for name in train)]

    assert not [name for name in [*wanted, *(f"validate#{name}" for name in validate)] if name not in parser]
    assert isinstance(parser["train#handlers"], list)


@pytest.mark.parametrize("name", CONFIGS)
def test_no_configuration_reads_another_file(bundle: Path, name: str) -> None:
    assert '"%' not in (bundle / "configs" / name).read_text(encoding="utf-8")


def test_training_and_inference_build_the_same_network(bundle: Path) -> None:
    inference, train = config(bundle, "inference.json"), config(bundle, "train.json")
    built = [parser.get_parsed_content("network_def").state_dict() for parser in (inference, train)]

    assert {name: tensor.shape for name, tensor in built[0].items()} == {
        name: tensor.shape for name, tensor in built[1].items()
    }


def test_weights_are_small_enough_to_live_in_the_repository(bundle: Path) -> None:
    assert (bundle / "models" / "model.pt").stat().st_size <= LARGEST_WEIGHTS


def test_weights_are_a_plain_state_dict(bundle: Path) -> None:
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)

    assert all(isinstance(tensor, torch.Tensor) and torch.isfinite(tensor.float()).all() for tensor in state.values())


def test_the_card_belongs_to_the_weights(bundle: Path) -> None:
    card = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))

    assert card["sha256"] == hashlib.sha256((bundle / "models" / "model.pt").read_bytes()).hexdigest()
    assert {"origin", "data", "licence", "training", "command", "results"} <= set(card)


def test_the_card_tells_the_settings_of_the_training(bundle: Path) -> None:
    card = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))
    train = config(bundle, "train.json")

    assert card["training"]["seed"] == train["seed"]
    assert card["training"]["epochs"] == train["max_epochs"]


def test_the_documentation_gives_the_measured_numbers(bundle: Path) -> None:
    card = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))
    page = (bundle / "docs" / "README.md").read_text(encoding="utf-8")

    for networks in card["results"].values():
        for summary in networks.values():
            for number in summary.values():
                assert re.search(rf"{number['mean']:.3f} \({number['low']:.3f} to {number['high']:.3f}\)", page)


def test_the_task_type_can_be_read_off_the_name(bundle: Path, metadata: dict[str, Any]) -> None:
    assert bundle.name.endswith(("segmentation", "classification", "detection"))
    assert metadata["bundle_name"] == bundle.name


def test_the_network_exports_to_torchscript(bundle: Path, tmp_path: Path) -> None:
    network = config(bundle, "inference.json").get_parsed_content("network_def").eval()
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        traced = torch.jit.trace(network, image, check_trace=False)
        other = torch.rand(1, 3, 256, 256)

        assert torch.allclose(traced(other), network(other), atol=1e-4)


def test_the_network_is_verified_from_an_unrelated_directory(bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monai.bundle", "verify_net_in_out", "network_def"]
    configs = bundle / "configs"
    paths = ["--meta_file", configs / "metadata.json", "--config_file", configs / "inference.json"]
    finished = subprocess.run([*command, *paths], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
