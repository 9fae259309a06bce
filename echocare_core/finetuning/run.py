"""Fine-tuning from a table to a bundle of one's own: look, score, train, choose, score again, write."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from echocare_core.bundle import WEIGHTS, find_bundle, read_identity
from echocare_core.disk import explained
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.summary import spelled
from echocare_core.finetuning.asked import (
    AFTER,
    BEFORE,
    IMAGES,
    OF_THE_BUNDLE,
    RUN,
    begin,
    check_asked,
    check_same,
    describe_asked,
)
from echocare_core.finetuning.between import choose_between
from echocare_core.finetuning.cases import MASK, NEEDED, Cases, complete_table, write_completed
from echocare_core.finetuning.comparison import compare, warnings_of
from echocare_core.finetuning.configured import TRAINING, open_workflow, read_needed, score_split
from echocare_core.finetuning.landmarks import LANDMARK
from echocare_core.finetuning.new_bundle import VERSION, Numbers, write_bundle, write_card
from echocare_core.finetuning.page import write_page
from echocare_core.finetuning.pictures import check_pictures
from echocare_core.finetuning.trained import Trained, read_trained, write_trained
from echocare_core.lock import FolderLock
from echocare_core.models.identity import bundle_of, name_bundle
from echocare_core.models.tuning import FULL, check_mode, merge_adapters
from echocare_core.models.weight_file import read_state_dict
from echocare_core.result_files import REPORT_HTML
from echocare_core.tasks.calibration import CALIBRATION
from echocare_core.tasks.landmarks import errors_of_ends
from echocare_core.training.checkpoint_file import BEST, LATEST, read_checkpoint, write_checkpoint
from echocare_core.training.parameter_groups import count_learning
from echocare_core.workflow import own_errors

CHOSEN, TRIED = "chosen.pt", "chosen.json"
TEST, TUNING = "test", "tuning"
POINTS = "points"  # entry of a finetune.json of landmarks: name of each point -> its columns for x and y
CALIBRATE = "calibrate"  # entry of a bundle's train.json that fits something to the weights CHOSEN
BOTH = ("device", "lesion", "mask_threshold")  # settings that the evaluation needs too
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuning left.

    Attributes:
        bundle: folder of the new bundle, which every other command takes.
        page: curves, numbers, and the way to both evaluations.
        cases: what the table holds.
        trained: in which mode, and how much of the shipped weights is in the new ones.
        numbers: split -> number -> "before", "after" and "difference", each with its interval.
    """

    bundle: Path
    page: Path
    cases: Cases
    trained: Trained
    numbers: Numbers

    def __str__(self) -> str:
        lines = [str(self.trained)]
        lines += [
            f"{split}, {name}: {_changed(one)}" for split, named in self.numbers.items() for name, one in named.items()
        ]
        if TEST not in self.numbers:
            lines.append("There is no split test: val chose the weights, and its numbers flatter them.")
        if self.trained.share == 1:
            lines.append("No training did better on val than the weights that came with the bundle: they are kept.")
        return "\n".join([*lines, f"The new bundle: {self.bundle}", f"A page about it: {self.page}"])


def finetune(
    bundle: str | Path,
    table: str | Path,
    out: str | Path,
    *,
    name: str | None = None,
    tuning: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> FineTuned:
    """Train a bundle further on a team's own images, and write a bundle of its own.

    The training is the bundle's train.json with finetune.json over it: it starts from the bundle's weights, and ends
    where `val` gets no better. Of the weights between those of the start and the trained ones those are kept that do
    best on `val` (`choose_between`). Both are scored by the bundle's evaluation on `val`, and on `test` where the table
    has such rows: the numbers of `val` chose the weights and flatter them, those of `test` do not. The same call goes
    on where it was stopped.

    Args:
        bundle: name or folder of a bundle with finetune.json.
        table: the images and their masks, classes or landmarks (`complete_table`).
        out: folder; made if need be.
        name: of the new bundle and its folder in `out`; "own_" and the bundle's where None.
        tuning: mode in which the encoder learns (`echocare_core.models.tuning.Tuning`); that of finetune.json where
            None.
        settings: entries of the two configurations to replace, such as {"max_epochs": 5}.

    Raises:
        TableError: a table that cannot be used; it names the first ten mistakes.
        BundleError, SettingsError, WeightsError, TrainingError: as of a training, or a setting that would part the new
            bundle from its own inference.json.
        OutputError: `out` holds a finished fine-tuning, one that was asked for otherwise, or something else by the name
            of what is written; or it cannot be written.
    """
    settings = {**(settings or {}), **({} if tuning is None else {TUNING: tuning})}
    if TUNING in settings:
        check_mode(settings[TUNING])
    folder, out = find_bundle(bundle), Path(out)
    name = name or f"own_{folder.name}"
    check_asked(folder, out, name, settings)
    both = {key: value for key, value in settings.items() if key in BOTH}
    opened = open_workflow(folder, TRAINING, settings, prepare=False).parser
    with explained(out, "the fine-tuning"):
        out.mkdir(parents=True, exist_ok=True)
    with FolderLock(out, "the fine-tuning"):
        cases = complete_table(table, out / IMAGES, int(opened.get_parsed_content("seed")), *_target(opened))
        asked = describe_asked(folder, name, cases, {**settings, TUNING: opened.get(TUNING, FULL)})
        check_same(out, asked)
        for line in str(cases).splitlines():
            logger.info("%s", line)
        doubts = check_pictures(cases, read_needed(folder, opened, both))
        for doubt in doubts:
            logger.warning("%s", doubt)
        cases = replace(cases, notes=(*cases.notes, *doubts))
        begin(out, asked)
        write_completed(cases)
        splits = [split for split in (*NEEDED[1:], TEST) if split in cases.images]
        for split in splits:  # first, for it runs all that the end will need
            if not (out / BEFORE / split / "evaluation.json").is_file():
                score_split(folder, out / IMAGES, split, out / BEFORE / split, folder / WEIGHTS, both)
        trained = _train(folder, {**settings, "dataset_dir": str(out / IMAGES), "output_dir": str(out / RUN)}, name)
        with explained(out, "the new bundle"):
            write_bundle(folder, out / RUN / CHOSEN, out / name, trained.share, _fitted(out / RUN))
        for split in splits:
            score_split(out / name, out / IMAGES, split, out / AFTER / split, out / name / WEIGHTS, both)
        of_image = errors_of_ends if cases.target == LANDMARK else None
        numbers = {
            split: compare(out / BEFORE / split, out / AFTER / split, list(opened.get("classes", ())), of_image)
            for split in splits
        }
        with explained(out, "the new bundle"):
            write_card(out / name, folder, cases, trained, numbers)
            page = write_page(
                out / REPORT_HTML, out / name, cases, trained, numbers, out / RUN, [out / BEFORE, out / AFTER]
            )
    return FineTuned(out / name, page, cases, trained, numbers)


def _changed(one: Mapping[str, Summary]) -> str:
    """A number before and after, and what is to be known before it is trusted."""
    change = f"difference {spelled(one['difference'], '+.3f')}, {one['after']['images']} images"
    numbers = f"{spelled(one['before'])} before, {spelled(one['after'])} after ({change})"
    return f"{numbers} {warnings_of(one)}".rstrip()


def _target(training: Any) -> tuple[str, list[str], dict[str, list[str]] | None]:
    """The column of a table that a training learns from, and the names of its classes or points, if it has any."""
    dataset = training["train#dataset"]
    if POINTS in training:
        return LANDMARK, [], training[POINTS]
    return (MASK, [], None) if dataset.get("masks", True) else (dataset["columns"][0], list(training["classes"]), None)


def _fitted(run: Path) -> dict[str, Any]:
    """Entries of the new bundle's inference.json that were fitted with its weights."""
    path = run / CALIBRATION
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _train(folder: Path, settings: Mapping[str, Any], name: str) -> Trained:
    """Train and choose, unless that is done."""
    run = Path(settings["output_dir"])
    if (run / TRIED).is_file():
        return read_trained(run / TRIED)
    workflow = open_workflow(folder, TRAINING, settings)
    parser = workflow.parser
    with own_errors({key: value for key, value in settings.items() if key not in OF_THE_BUNDLE}):
        epochs, patience = (int(parser.get_parsed_content(key)) for key in ("max_epochs", "patience"))
        if not _has_ended(run, epochs, patience):
            workflow.run()
        network, optimizer, validator = (
            parser.get_parsed_content(key) for key in ("network", "optimizer", "validate#evaluator")
        )
        learning = count_learning(network, optimizer)
        merge_adapters(network)
        shares = parser.get_parsed_content("start_shares")
        between = choose_between(network, validator, folder / WEIGHTS, run / BEST, shares)
        state = between.state
        if CALIBRATE in parser:  # of the bundle that is trained, so the weights still carry its name
            write_checkpoint(name_bundle(state, read_identity(folder)), run / CHOSEN)
            parser.get_parsed_content(CALIBRATE)
            state = read_state_dict(run / CHOSEN)  # in which it may have put what it fitted
    write_checkpoint(name_bundle(state, {"name": name, "version": VERSION}), run / CHOSEN)
    trained = Trained(between.share, parser.get(TUNING, FULL), learning)
    write_trained(run / TRIED, trained, between.metrics)
    return trained


def _has_ended(run: Path, epochs: int, patience: int) -> bool:
    """Whether a training has all its epochs, or was stopped for it got no better."""
    if not (run / LATEST).is_file() or not (run / BEST).is_file():
        return False
    done = int(read_checkpoint(run / LATEST, ["epoch"])["epoch"])
    best = int(bundle_of(read_state_dict(run / BEST)).get("epoch", done))
    return done >= epochs or done - best >= patience
