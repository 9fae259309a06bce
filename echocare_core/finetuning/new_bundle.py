"""The folder of a new bundle: a copy of the one it was trained from, under a name of its own, with new weights."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echocare_core.atomic import replacing
from echocare_core.bundle import METADATA, WEIGHTS, WEIGHTS_CARD, read_identity, read_json
from echocare_core.checks.files import files_of
from echocare_core.errors import BundleError
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.summary import spelled, with_null
from echocare_core.finetuning.cases import Cases
from echocare_core.finetuning.trained import Trained
from echocare_core.training.weights import export_network

README = "docs/README.md"
INFERENCE = "configs/inference.json"
LEAST = "least_confidence"  # entry of an inference.json, kept though it was chosen for the weights of the start
VERSION = "1.0.0"
Numbers = Mapping[str, Mapping[str, Mapping[str, Summary]]]  # split -> number -> before, after, difference


def write_bundle(folder: Path, chosen: Path, tuned: Path, share: float, fitted: Mapping[str, Any]) -> None:
    """Copy what a bundle is made of, name it after its new folder, and put weights into it.

    Args:
        folder: of the bundle that was fine-tuned.
        chosen: its new weights.
        tuned: folder of the new bundle, whose name it takes; what is there is moved aside when the new one is whole,
            and deleted when that has taken its place.
        share: of the weights of the start in them; where it is all, what the bundle warned of is still to be warned of.
        fitted: entries of its inference.json that were fitted with these weights, such as a temperature.
    """
    unfinished, former = (tuned.with_name(name) for name in names_beside(tuned.name))
    for left in (unfinished, former):
        shutil.rmtree(left, ignore_errors=True)
    for path in files_of(folder):
        if path != folder / WEIGHTS:
            copy = unfinished / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for config in unfinished.glob("configs/*.json"):
        config.write_text(config.read_text(encoding="utf-8").replace(f"'{folder.name}'", f"'{tuned.name}'"), "utf-8")
    _set_entries(unfinished / INFERENCE, fitted)
    origin = read_identity(folder)
    known = read_json(unfinished / METADATA)
    if "caution" in known and share < 1:
        known = _trained(known, tuned.name)
    metadata = {
        **known,
        "bundle_name": tuned.name,
        "version": VERSION,
        "changelog": {VERSION: f"Fine-tuned from {origin['name']} {origin['version']}."},
    }
    (unfinished / METADATA).write_text(json.dumps(metadata, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
    export_network(chosen, unfinished / WEIGHTS)
    if tuned.exists():
        tuned.rename(former)
    unfinished.rename(tuned)
    shutil.rmtree(former, ignore_errors=True)


def names_beside(name: str) -> tuple[str, str]:
    """Names of the folders beside a new bundle in which it is prepared, and into which a former one is moved."""
    return f".{name}", f".{name}-former"


def _trained(metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Metadata of a bundle that cautioned that it was not trained for what it says, now that it is."""
    said = {
        "name": name.replace("_", " ").capitalize(),
        "description": f"Fine-tuned on own images. Its outputs: {metadata['pred_classes']}.",
        "data_source": "Own images, after those of the bundle that it was fine-tuned from",
    }
    return {**{key: value for key, value in metadata.items() if key != "caution"}, **said}


def _set_entries(config: Path, entries: Mapping[str, Any]) -> None:
    """Replace entries of a configuration, each written on one line, and leave all else as it stands."""
    text = config.read_text(encoding="utf-8")
    for name, value in entries.items():
        line = re.compile(rf'^    "{re.escape(name)}": .*,$', re.MULTILINE)
        if len(line.findall(text)) != 1:
            raise BundleError(
                f"{config.name} has no line of its own for {name}; needed one for what was fitted. Write the entry "
                f"on one line."
            )
        start, end = line.search(text).span()  # type: ignore[union-attr]
        text = f'{text[:start]}    "{name}": {json.dumps(value)},{text[end:]}'
    config.write_text(text, encoding="utf-8")


def write_card(tuned: Path, folder: Path, cases: Cases, trained: Trained, numbers: Numbers) -> None:
    """Say on the card of the new weights, and on the page of the bundle, where they come from and how good they are.

    Args:
        tuned: folder of the new bundle.
        folder: of the one that was fine-tuned.
        cases: what was learned from.
        trained: in which mode, and how much of the start is in the new weights.
        numbers: of both.
    """
    origin, card = read_identity(folder), read_json(folder / WEIGHTS_CARD)
    first = f"{origin['name']} {origin['version']}"
    images = ", ".join(f"{split} {count}" for split, count in cases.images.items())
    results = {
        f"own {split}": {
            "bundle": with_null({name: one["after"] for name, one in named.items()}),
            first: with_null({name: one["before"] for name, one in named.items()}),
        }
        for split, named in numbers.items()
    }
    about = {
        "origin": f"Fine-tuned from {first} by `echocare finetune`. Those: {card.get('origin', 'unknown')}",
        "data": f"Own images, by split: {images}. Before: {card.get('data', 'unknown')}",
        "licence": f"Yours to say. What it was fine-tuned from: {card.get('licence', 'unknown')}",
        "training": {
            "tuning": trained.tuning,
            "learning_parameters": trained.learning.learning,
            "parameters": trained.learning.parameters,
            "share_of_the_start": trained.share,
        },
        "command": f"echocare finetune {origin['name']} TABLE OUT --tuning {trained.tuning}",
        "results": results,
    }
    new = read_json(tuned / WEIGHTS_CARD)
    gone = ("results_command", "unet_training")
    with replacing(tuned / WEIGHTS_CARD) as unfinished:
        kept = {name: value for name, value in new.items() if name not in gone}
        unfinished.write_text(json.dumps({**kept, **about}, indent=4) + "\n", encoding="utf-8")
    page = _page(tuned.name, first, images, trained, numbers) + _kept(tuned, first)
    with replacing(tuned / README) as unfinished:
        unfinished.write_text(page, encoding="utf-8")


def least_confidence(tuned: Path) -> Any:
    """Below which confidence the outputs of a bundle are left out: a number, or one of each label; None for none."""
    return read_json(tuned / INFERENCE).get(LEAST)


def _kept(tuned: Path, first: str) -> str:
    """A paragraph on the least confidence, "" where a bundle has none."""
    least = least_confidence(tuned)
    if least is None:
        return ""
    none = dict.fromkeys(least, 0.0) if isinstance(least, dict) else 0.0
    return (
        f"\nWhat is less sure than `{LEAST}` ({json.dumps(least)}) is left out, in the table above too. It is that of "
        f"{first}, chosen for the weights that came with it and not on your images. With "
        f"`--set '{LEAST}={json.dumps(none)}'` after `echocare predict` or `echocare evaluate` nothing is left out; "
        f"try it, and values between, on images of val, and write the one you choose into `{INFERENCE}`.\n"
    )


def _page(name: str, first: str, images: str, trained: Trained, numbers: Numbers) -> str:
    rows = "".join(
        f"| own {split} | {number} | {spelled(one['before'])} | {spelled(one['after'])} | "
        f"{one['after']['images']:.0f} |\n"
        for split, named in numbers.items()
        for number, one in named.items()
    )
    return (
        f"# {name}\n\nFine-tuned from {first} on own images (by split: {images}). {trained} For research; not a "
        f"medical device. `echocare predict` on this folder runs it.\n\n"
        f"| images | number | {first} | this bundle | images |\n"
        f"|---|---|---|---|---|\n{rows}\nVal chose the weights; its numbers flatter them.\n"
    )
