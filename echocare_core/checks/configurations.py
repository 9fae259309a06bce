"""Configurations of a bundle: the entries that MONAI, MONAI Label and MONAI Deploy ask for by their id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.properties import InferProperties, TrainProperties

from echocare_core.checks.files import INFERENCE, TRAINING
from echocare_core.checks.finding import Note
from echocare_core.workflow import as_literal

INFERENCE_IDS = ("output_dir", "dicom", "preprocessing", "postprocessing", "handlers")
TRAINING_IDS = (
    "network",
    *(f"train::{name}" for name in ("dataset::data", "handlers", "preprocessing")),
    *(f"validate::{name}" for name in ("evaluator", "dataset", "dataset::data", "handlers", "inferer")),
    *(f"validate::{name}" for name in ("preprocessing", "key_metric")),
)  # beside those that MONAI itself requires
OWN_TRAINER = Note("Does not apply: pretraining has a trainer of its own.")


def read_configuration(folder: Path, name: str) -> ConfigParser:
    """A configuration of a bundle with its metadata, its `bundle_root` set to where the folder stands."""
    parser = ConfigParser()
    parser.read_config(str(folder / name))
    parser.read_meta(str(folder / "configs" / "metadata.json"))
    if "bundle_root" in parser:
        parser["bundle_root"] = as_literal(str(folder))
    return parser


def check_inference(folder: Path) -> Iterator[str]:
    """inference.json has every entry that others replace or read by its id."""
    yield from _missing(folder, INFERENCE, InferProperties, INFERENCE_IDS)


def check_training(folder: Path) -> Iterator[str]:
    """train.json has every entry that others replace or read by its id."""
    if _has_own_trainer(folder):
        yield OWN_TRAINER
    else:
        yield from _missing(folder, TRAINING, TrainProperties, TRAINING_IDS)


def _missing(folder: Path, name: str, properties: dict[str, Any], more: tuple[str, ...]) -> Iterator[str]:
    parser = read_configuration(folder, name)
    required = [entry["id"] for entry in properties.values() if entry["required"]]
    missing = [key.replace("::", "#") for key in (*required, *more) if key not in parser]
    if missing:
        yield f"{name} has no {', '.join(missing)}; add it."


def check_properties(folder: Path) -> Iterator[str]:
    """What a configuration calls by another id than MONAI's own, for which its Model Zoo looks (`check_properties`)."""
    for name, properties in ((INFERENCE, InferProperties), (TRAINING, TrainProperties)):
        if (folder / name).is_file():
            parser = read_configuration(folder, name)
            for id_, where, found in _references(parser, properties):
                if found != f"@{id_}" and not str(found).startswith("$"):
                    yield f'{where.replace("::", "#")} of {name} is {found!r}; write "@{id_.replace("::", "#")}" there.'


def _references(parser: ConfigParser, properties: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Id of each optional property of MONAI's, where a component takes it, and what stands there, with # in ids."""
    for entry in properties.values():
        places = [entry["refer_id"]] if entry.get("refer_id") else []
        if entry["id"] in ("validate::evaluator", "val_interval"):  # of a handler, whose number MONAI does not know
            handlers = parser.get("train::handlers") or []
            validating = [number for number, one in enumerate(handlers) if one["_target_"] == "ValidationHandler"]
            places = [f"train::handlers::{number}::{entry['refer_id']}" for number in validating]
        for place in places:
            if place in parser:
                found = parser[place]
                yield _plain(entry["id"]), _plain(place), _plain(found) if isinstance(found, str) else found


def _plain(id_: str) -> str:
    return id_.replace("::", "#")


def _has_own_trainer(folder: Path) -> bool:
    return folder.name.endswith("pretraining")


def check_handlers(folder: Path) -> Iterator[str]:
    """The handlers of the training are a literal list: MONAI Label puts one of its own in front."""
    if _has_own_trainer(folder):
        yield OWN_TRAINER
    elif not isinstance(read_configuration(folder, TRAINING).get("train::handlers"), list):
        yield "train#handlers is no literal list; write the handlers out, since MONAI Label puts one in front."
