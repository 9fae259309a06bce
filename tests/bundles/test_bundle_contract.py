"""Every bundle of this repository passes the checks that users run, and some that only this repository needs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from monai.bundle import ConfigParser, ConfigWorkflow
from PIL import Image
from small_tables import disc_picture, write_table
from warm_python import run_python

from echocare_core.checks import CHECKS, Check, run_check

LARGEST_WEIGHTS = 8_000_000  # bytes; fifteen of them still fit a wheel and a clone


def config(bundle: Path, *names: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / name) for name in names])
    parser.read_meta(str(bundle / "configs" / "metadata.json"))
    parser["bundle_root"] = str(bundle)
    return parser


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_bundle_passes(check: Check, bundle: Path) -> None:
    assert [finding for finding in run_check(check, bundle) if finding.outcome == "failed"] == []


def test_training_and_inference_build_the_same_network(task_bundle: Path) -> None:
    inference, train = (config(task_bundle, name) for name in ("inference.json", "train.json"))
    built = [parser.get_parsed_content("network_def").state_dict() for parser in (inference, train)]

    assert {name: tensor.shape for name, tensor in built[0].items()} == {
        name: tensor.shape for name, tensor in built[1].items()
    }


def properties_missing(bundle: Path, workflow_type: str, config: str, data: Path, out: Path) -> list[str] | None:
    """What MONAI's own check says, as the Model Zoo asks for it."""
    workflow = ConfigWorkflow(
        config_file=str(bundle / "configs" / config),
        meta_file=str(bundle / "configs" / "metadata.json"),
        workflow_type=workflow_type,
        logging_file=False,
        **{"bundle_root": str(bundle), "dataset_dir": str(data), "output_dir": str(out)},
    )
    workflow.initialize()
    return workflow.check_properties()


def test_monai_misses_no_property_of_inference(bundle: Path, tmp_path: Path) -> None:
    Image.fromarray(disc_picture(0)[0]).save(tmp_path / "picture.png")
    assert properties_missing(bundle, "inference", "inference.json", tmp_path / "picture.png", tmp_path / "out") == []


def test_monai_misses_no_property_of_training(segmentation_bundle: Path, tmp_path: Path) -> None:
    data = write_table(tmp_path / "data")
    assert properties_missing(segmentation_bundle, "train", "train.json", data, tmp_path / "out") == []


def test_weights_are_small_enough_to_live_in_the_repository(bundle: Path) -> None:
    assert (bundle / "models" / "model.pt").stat().st_size <= LARGEST_WEIGHTS


def test_the_card_tells_the_settings_of_the_training(task_bundle: Path) -> None:
    card = json.loads((task_bundle / "models" / "model.json").read_text(encoding="utf-8"))
    train = config(task_bundle, "train.json")

    assert card["training"]["seed"] == train["seed"]
    assert card["training"]["epochs"] == train["max_epochs"]


def test_the_documentation_gives_the_measured_numbers(bundle: Path) -> None:
    card = json.loads((bundle / "models" / "model.json").read_text(encoding="utf-8"))
    page = (bundle / "docs" / "README.md").read_text(encoding="utf-8")

    for networks in card["results"].values():
        for summary in networks.values():
            for number in summary.values():
                assert re.search(rf"{number['mean']:.3f} \({number['low']:.3f} to {number['high']:.3f}\)", page)


def test_the_network_is_verified_from_an_unrelated_directory(tmp_path: Path) -> None:
    """As users type it, so in a process of its own, and of one bundle: the check of every bundle does the same."""
    bundle = Path(__file__).parents[2] / "bundles" / "breast_lesion_segmentation"
    command = ["-m", "monai.bundle", "verify_net_in_out", "network_def"]
    configs = bundle / "configs"
    paths = ["--meta_file", configs / "metadata.json", "--config_file", configs / "inference.json"]
    finished = run_python(*command, *paths, cwd=tmp_path)

    assert finished.returncode == 0, finished.stderr
