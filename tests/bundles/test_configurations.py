"""Ids in the bundle, wiring in the package: what every bundle has in common is the same in every bundle."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from bright_network import BrightNetwork
from bundle_workflow import run_bundle
from ignite.engine import Events
from monai.bundle import ConfigParser, ConfigWorkflow
from small_tables import write_table

from echocare_core.errors import own_cause
from echocare_core.recognition import RECOGNISER

REFERENCE = Path(__file__).parents[2] / "bundles" / "breast_lesion_segmentation"
WIRED = {"inference.json": ["network", "evaluator", "run"]}
WIRED_TRAINING = {  # of a task; pretraining has a trainer of its own
    "train.json": ["network", "train#trainer", "validate#evaluator", "train#handlers", "validate#handlers"],
    "multi_gpu_train.json": ["device", "initialize", "finalize"],
}
GOLDEN = Path(__file__).parent / "golden"
NOTE = "echocare_core.recognition.NoteForeignd"
NOTES = (NOTE, "echocare_core.transforms.NoteBeamsd")  # which change no picture
LONGEST_LINE = 120
MOST_LINES = {"inference.json": 75, "multi_gpu_train.json": 10}
MOST_LINES_OF_A_TASK = {"train.json": 95, "evaluate.json": 20}


def entries_of(wired: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, entry) for name, entries in wired.items() for entry in entries]


def parsed(bundle: Path, name: str) -> ConfigParser:
    return ConfigParser(json.loads((bundle / "configs" / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(("name", "entry"), entries_of(WIRED))
def test_what_is_only_wiring_is_wired_alike(bundle: Path, name: str, entry: str) -> None:
    assert parsed(bundle, name)[entry] == parsed(REFERENCE, name)[entry]


def test_the_export_is_read_alike_but_for_clips(bundle: Path) -> None:
    own, reference = (parsed(folder, "inference.json")["dataset"] for folder in (bundle, REFERENCE))

    assert {name: value for name, value in own.items() if name != "clip"} == reference


@pytest.mark.parametrize("name", ["train.json", "inference.json"])
def test_what_the_wiring_needs_is_imported(task_bundle: Path, name: str) -> None:
    assert set(parsed(REFERENCE, name)["imports"]) <= set(parsed(task_bundle, name)["imports"])


@pytest.mark.parametrize(("name", "entry"), entries_of(WIRED_TRAINING))
def test_the_training_of_a_task_is_wired_as_any_other_but_for_what_its_loss_gets(
    task_bundle: Path, name: str, entry: str
) -> None:
    own, reference = parsed(task_bundle, name)[entry], parsed(REFERENCE, name)[entry]
    if isinstance(own, dict):
        own.pop("prepare_batch", None)
    assert own == reference


TUNED = sorted(path.parent.parent for path in REFERENCE.parent.glob("*/configs/finetune.json"))
TUNING = ("tuning", "layer_decay", "lora_rank", "lora_alpha", "network#tuning", "optimizer#params#tuning")


@pytest.mark.parametrize("folder", TUNED, ids=lambda path: path.name)
def test_an_encoder_is_tuned_alike_in_every_bundle_that_is_fine_tuned(folder: Path) -> None:
    own, reference = (json.loads((one / "configs" / "finetune.json").read_text("utf-8")) for one in (folder, REFERENCE))
    assert {name: own.get(name) for name in TUNING} == {name: reference[name] for name in TUNING}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tuning": "adapter"}, "Unknown tuning 'adapter'; needed one of full, layer_decay, lora, frozen"),
        ({"lora_rank": 0}, "lora_rank is 0; needed a number above 0"),
        ({"tuning": "frozen"}, "BrightNetwork has no encoder of this package"),
    ],
)
def test_a_tuning_that_cannot_be_is_refused_before_the_table_is_read(
    asked: dict[str, Any], said: str, small_run: dict[str, Any], tmp_path: Path
) -> None:
    settings = {**small_run, "weights": None, "dataset_dir": str(tmp_path / "nowhere"), **asked}
    with pytest.raises(RuntimeError) as error:
        run_bundle(REFERENCE, ["train.json", "finetune.json"], "train", **settings)
    assert said in str(own_cause(error.value))


def check_short(path: Path, most_lines: int) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= most_lines
    assert max(map(len, lines)) <= LONGEST_LINE


@pytest.mark.parametrize("name", list(MOST_LINES))
def test_a_configuration_is_short(bundle: Path, name: str) -> None:
    check_short(bundle / "configs" / name, MOST_LINES[name])


@pytest.mark.parametrize("name", list(MOST_LINES_OF_A_TASK))
def test_a_configuration_of_a_task_is_short(task_bundle: Path, name: str) -> None:
    check_short(task_bundle / "configs" / name, MOST_LINES_OF_A_TASK[name])


def of_the_image(step: dict[str, Any]) -> dict[str, Any]:
    """A transform's arguments for the picture alone: of lists with a value per key, the first."""
    keys = step["keys"] if isinstance(step["keys"], list) else [step["keys"]]
    per_key = ("mode", "anti_aliasing")
    one = {name: value[0] if name in per_key and isinstance(value, list) else value for name, value in step.items()}
    return {**one, "keys": keys[0]}


def test_training_and_inference_prepare_an_image_alike(task_bundle: Path) -> None:
    inference, train = parsed(task_bundle, "inference.json"), parsed(task_bundle, "train.json")
    steps = [of_the_image(step) for step in inference["preprocessing#transforms"] if step["_target_"] not in NOTES]
    named = {value[1:] for step in steps for value in step.values() if isinstance(value, str) and value[0] == "@"}

    assert steps == [of_the_image(step) for step in train["load"] if "image" in of_the_image(step)["keys"]]
    assert {name: inference[name] for name in named} == {name: train[name] for name in named}


@pytest.mark.parametrize("name", ["train.json", "inference.json"])
def test_nothing_is_built_before_monai_says_where_the_bundle_stands(task_bundle: Path, name: str) -> None:
    """`running_bundle_root` finds the folder once MONAI has put it on the search path, which is after `initialize`."""
    used = set(re.findall(r"@\w+", json.dumps(parsed(task_bundle, name)["initialize"])))
    assert used <= {"@seed", "@device"}


@pytest.fixture
def small_run(tmp_path: Path) -> dict[str, Any]:
    """Settings of a training of two steps an epoch, with a network of one number."""
    return {
        "dataset_dir": str(write_table(tmp_path / "data")),
        "output_dir": str(tmp_path / "run"),
        "network_def": {"_target_": "bright_network.BrightNetwork"},
        "device": "$torch.device('cpu')",
        "precision": "float32",
        "batch_size": 2,
        "warmup_steps": 2,
        "augment": [],
        "val_interval": 50,
    }


@pytest.mark.parametrize("entry", ["max_epochs", "train#trainer#max_epochs"])
def test_whoever_sets_the_epochs_the_last_one_still_learns(entry: str, small_run: dict[str, Any]) -> None:
    workflow = ConfigWorkflow(
        config_file=str(REFERENCE / "configs" / "train.json"), workflow_type="train", logging_file=False,
        bundle_root=str(REFERENCE), **small_run, **{entry: 20},
    )  # fmt: skip
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    rates: list[float] = []
    trainer.add_event_handler(
        Events.ITERATION_STARTED, lambda engine: rates.append(engine.optimizer.param_groups[0]["lr"])
    )
    workflow.run()

    assert len(rates) == 40
    assert min(rates) > 0
    assert rates[-1] < 0.01 * max(rates)


def test_what_a_task_is_not_meant_for_is_marked_alike(task_bundle: Path) -> None:
    """But by the bundle that tells organs, which is meant for all that it knows, and one for all pictures."""
    inference = parsed(task_bundle, "inference.json")
    own, reference = (
        [step for step in parsed(folder, "inference.json")["preprocessing#transforms"] if step["_target_"] == NOTE]
        for folder in (task_bundle, REFERENCE)
    )

    for_all = task_bundle.name == RECOGNISER or "meant_for" not in json.loads(
        (task_bundle / "configs" / "metadata.json").read_text(encoding="utf-8")
    )
    assert own == ([] if for_all else reference)
    assert not own or (inference["recogniser"], inference["foreign_probability"]) == (RECOGNISER, 0.7)


def test_masks_of_cines_are_smoothed_alike_and_not_unless_that_is_asked_for(segmentation_bundle: Path) -> None:
    inference = parsed(segmentation_bundle, "inference.json")
    own, reference = (
        {
            name: value
            for name, value in parsed(folder, "inference.json")["preprocessing"].items()
            if name != "transforms"
        }
        for folder in (segmentation_bundle, REFERENCE)
    )

    assert own == reference
    assert inference["smoothed_frames"] == 1


def test_a_bundle_says_its_own_name(bundle: Path) -> None:
    for name in ("train.json", "inference.json"):
        assert parsed(bundle, name)["bundle_root"] == f"$running_bundle_root('{bundle.name}')"


def question_of(bundle: Path) -> str:
    """What a bundle of classes calls its question, such as "pathology"."""
    output = parsed(bundle, "inference.json")["postprocessing#transforms#0"]
    return str(output.get("name", ""))


def unsure_of_nothing(bundle: Path) -> dict[str, Any]:
    """Settings with which a bundle that leaves out what it is not sure of measures after four steps of training."""
    least = parsed(bundle, "inference.json").get("least_confidence")
    return {"least_confidence": 0.0} if isinstance(least, float) else {}


def test_its_own_network_trains_goes_on_and_is_evaluated(
    task_bundle: Path, small_run: dict[str, Any], tmp_path: Path
) -> None:
    own = {name: value for name, value in small_run.items() if name not in ("network_def", "augment", "dataset_dir")}
    small = {"image_size": [128, 128]}
    columns = json.loads((GOLDEN / f"{task_bundle.name}.json").read_text(encoding="utf-8"))["columns"]
    table = str(write_table(tmp_path / "table", columns=columns))

    for epochs in (1, 2):
        settings = {**own, **small, "dataset_dir": table, "max_epochs": epochs, "val_interval": 1}
        run_bundle(task_bundle, ["train.json"], "train", **settings)
    scored = {
        **small,
        "dataset_dir": table,
        "output_dir": str(tmp_path / "scores"),
        "weights": str(tmp_path / "run" / "best.pt"),
        **unsure_of_nothing(task_bundle),
    }
    run_bundle(task_bundle, ["inference.json", "evaluate.json"], "infer", device="cpu", **scored)
    state = torch.load(tmp_path / "run" / "latest.pt", weights_only=True)

    assert (state["epoch"], state["iteration"]) == (2, 4)
    assert len(pd.read_csv(tmp_path / "scores" / "evaluation.csv")) == 1
    if "WriteEvaluationReport" not in (task_bundle / "configs" / "evaluate.json").read_text(encoding="utf-8"):
        return  # no column of a table says what an enhanced picture should be
    places = (tmp_path / "scores", tmp_path / "scores" / "report")
    own, page = (json.loads((place / "evaluation.json").read_text(encoding="utf-8")) for place in places)
    asked = {name: name.removeprefix(f"{question_of(task_bundle)}_") for name in page}  # the page names the question
    shared = {name: mine for name, mine in asked.items() if mine in own and "mean" in own[mine]}
    assert shared
    for name, mine in shared.items():
        if None not in (page[name]["mean"], own[mine]["mean"]):  # of one class alone the page may know less
            assert page[name]["mean"] == pytest.approx(own[mine]["mean"], abs=1e-3)
    assert (tmp_path / "scores" / "report" / "evaluation.html").is_file()


def went_on(small_run: dict[str, Any], **changed: Any) -> str:
    """What a training says that goes on from the first epoch of another, or is refused with."""
    run_bundle(REFERENCE, ["train.json"], "train", **{**small_run, "max_epochs": 1})
    try:
        run_bundle(REFERENCE, ["train.json"], "train", **{**small_run, "max_epochs": 2, **changed})
    except RuntimeError as error:  # MONAI's, around the training's own
        return str(own_cause(error))
    return "went on"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"learning_rate": 0.01}, "other settings: learning_rate 0.001 instead of 0.01."),
        ({"seed": 5, "mask_threshold": 9}, "seed 20250912 instead of 5; mask_threshold null instead of 9."),
        ({"loss#softmax": False}, "loss::softmax true instead of false."),
        ({"batch_size": 1, "val_interval": 1}, "went on"),
        (
            {"train#handlers": [{"_target_": "StatsHandler", "iteration_log": False}], "train#trainer#max_epochs": 3},
            "went on",
        ),
    ],
)
def test_a_training_goes_on_with_its_own_settings(
    changed: dict[str, Any], said: str, small_run: dict[str, Any], tmp_path: Path
) -> None:
    assert said in went_on(small_run, **changed)


def test_a_training_on_changed_data_does_not_go_on(small_run: dict[str, Any], tmp_path: Path) -> None:
    other = write_table(tmp_path / "other", ("train",) * 5 + ("val", "test"))

    assert re.search(
        r"training images 4 of 256x256 px \(content \w+\) instead of 5", went_on(small_run, dataset_dir=str(other))
    )


def test_the_same_data_may_have_moved(small_run: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "data", tmp_path / "moved")

    assert went_on(small_run, dataset_dir=str(tmp_path / "moved")) == "went on"


def test_a_training_starts_from_the_weights_of_the_whole_network(small_run: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"threshold": torch.tensor(0.875)}, tmp_path / "given.pt")
    settings = {**small_run, "weights": str(tmp_path / "given.pt"), "learning_rate": 0.0, "max_epochs": 1}

    run_bundle(REFERENCE, ["train.json"], "train", **settings)

    assert torch.load(tmp_path / "run" / "latest.pt", weights_only=True)["model"]["threshold"] == pytest.approx(0.875)


def test_a_warm_up_longer_than_the_training_is_told(
    small_run: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("echocare.training").addHandler(caplog.handler)
    run_bundle(REFERENCE, ["train.json"], "train", **{**small_run, "max_epochs": 1, "warmup_steps": 200})
    logging.getLogger("echocare.training").removeHandler(caplog.handler)

    assert "rises for warmup_steps 200, and the training has 2 steps: it never reaches learning_rate" in caplog.text
    assert "no best.pt is written. Set val_interval" in caplog.text


def test_monai_label_may_set_the_data_and_put_a_handler_in_front(small_run: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"threshold": torch.tensor(0.875)}, tmp_path / "given.pt")
    items = [{"image": str(tmp_path / "data" / f"{n}.png"), "label": str(tmp_path / "data" / f"{n}_mask.png")}
             for n in range(4)]  # fmt: skip
    loader = {
        "_target_": "CheckpointLoader", "load_path": str(tmp_path / "given.pt"), "load_dict": {"model": "@network"}
    }  # fmt: skip
    workflow = ConfigWorkflow(
        config_file=str(REFERENCE / "configs" / "train.json"), workflow_type="train", logging_file=False,
        bundle_root=str(REFERENCE),
        **{**small_run, "dataset_dir": "", "train#dataset#data": items, "validate#dataset#data": items,
           "train#handlers": [loader], "train#trainer#max_epochs": 1, "learning_rate": 0.0},
    )  # fmt: skip
    workflow.initialize()
    workflow.run()
    trained = torch.load(tmp_path / "run" / "latest.pt", weights_only=True)["model"]

    assert trained["threshold"] == pytest.approx(0.875)
    assert set(trained) == set(BrightNetwork().state_dict())
