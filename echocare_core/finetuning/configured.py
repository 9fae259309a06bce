"""The configurations of a bundle that a fine-tuning runs: its training, and its evaluation on one split."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from echocare_core.bundle import check_needed_version
from echocare_core.errors import BundleError
from echocare_core.kinds import check_kinds
from echocare_core.workflow import as_literal, check_settings, own_errors

TRAINING, EVALUATION = ("train.json", "finetune.json"), ("inference.json", "evaluate.json")


class Needed(NamedTuple):
    """What the training and the evaluation of a bundle need of each row of a table.

    Attributes:
        columns: beside images and masks.
        masks: as of `read_table`.
        labels: number of labels in the masks, with the background; None where they are not learned.
        threshold: of `read_mask`.
        batch_size: how many images a step of the training takes.
    """

    columns: tuple[str, ...]
    masks: bool | None
    labels: int | None
    threshold: int | None
    batch_size: int


def read_needed(folder: Path, training: Any, settings: Mapping[str, Any]) -> Needed:
    """What the configurations of a bundle need.

    Args:
        folder: of the bundle.
        training: parser of its training, opened.
        settings: entries of its evaluation to replace.
    """
    evaluation = open_workflow(folder, EVALUATION, settings, prepare=False).parser
    named = [
        column
        for parser, dataset in ((training, "train#dataset"), (evaluation, "dataset"))
        for column in (parser.get_parsed_content(f"{dataset}#columns") if "columns" in parser[dataset] else ())
    ]
    learned = training["train#dataset"].get("masks", True)
    return Needed(
        columns=tuple(dict.fromkeys(named)),
        masks=evaluation["dataset"].get("masks", True),
        labels=training.get_parsed_content("labels") if learned and "labels" in training else None,
        threshold=training.get_parsed_content("mask_threshold") if "mask_threshold" in training else None,
        batch_size=training.get_parsed_content("batch_size"),
    )


def open_workflow(folder: Path, configs: tuple[str, ...], settings: Mapping[str, Any], *, prepare: bool = True) -> Any:
    """A MONAI workflow of several configurations of a bundle.

    Args:
        folder: of the bundle.
        configs: names of its files, the later over the earlier.
        settings: entries to replace; texts in them are taken as they stand.
        prepare: whether it will run; else its entries are looked at alone.

    Raises:
        BundleError: a configuration that is not there, or an entry that they do not have.
        SettingsError: a value of another kind than the one that it replaces.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.bundle import ConfigWorkflow
    check_needed_version(folder)
    files = [folder / "configs" / name for name in configs]
    if missing := [file.name for file in files if not file.is_file()]:
        raise BundleError(
            f"{folder.name} has no configs/{missing[0]}; needed to fine-tune it. Choose a bundle that has one, such as "
            f"breast_lesion_segmentation."
        )
    logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)  # that logging_file is False, as meant
    workflow = ConfigWorkflow(
        config_file=[str(file) for file in files],
        workflow_type="train" if configs == TRAINING else "infer",
        logging_file=False,
        bundle_root=as_literal(str(folder)),
    )
    check_settings(settings, workflow.parser, folder.name)
    check_kinds(settings, workflow.parser.config, literal=True)
    workflow.parser.update({name: as_literal(value) for name, value in settings.items()})
    if prepare:
        with own_errors(settings):
            workflow.initialize()
    return workflow


def score_split(folder: Path, table: Path, split: str, out: Path, weights: Path, settings: Mapping[str, Any]) -> None:
    """Evaluate weights on a split of a table, by the bundle's own evaluation (`WriteEvaluation`) in `out`."""
    places = {"dataset_dir": str(table), "split": split, "output_dir": str(out), "weights": str(weights)}
    workflow = open_workflow(folder, EVALUATION, {**settings, **places, "overwrite": True})
    with own_errors(settings):
        workflow.run()
