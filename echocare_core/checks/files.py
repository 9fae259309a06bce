"""Files of a bundle: which must be there, which must not, and that each works wherever the folder is copied to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from echocare_core.bundle import METADATA, read_json
from echocare_core.checks.finding import Note
from echocare_core.errors import BundleError

# What a bundle is made of. Anything else in its folder, such as results in eval/, may name patients and stays there.
CONTENTS = (
    *("LICENSE", "large_files.yml", "configs/*.json", "configs/*.yaml", "configs/*.conf"),
    *("models/model.pt", "models/model.json", "models/known_images.csv", "docs/*.md", "docs/*.txt"),
)
CONFIGS = ("inference.json", "train.json", "evaluate.json", "multi_gpu_train.json")
INFERENCE, TRAINING = "configs/inference.json", "configs/train.json"
WEIGHTS, CARD = "models/model.pt", "models/model.json"
NEEDED = ("LICENSE", *(f"configs/{name}" for name in CONFIGS), WEIGHTS, CARD, "docs/README.md", "docs/data_license.txt")
LARGE_FILES = "large_files.yml"
LARGEST_BYTES = 25 * 1024 * 1024  # of a file in the Model Zoo's repository
LABEL_TASKS = ("segmentation", "classification", "detection")  # MONAI Label reads them off the name
OTHER_TASKS = ("landmarks", "regression", "enhancement", "generation", "pretraining")


def files_of(folder: Path) -> list[Path]:
    """Files in a folder that are part of a bundle, sorted."""
    return sorted(path for pattern in CONTENTS for path in folder.glob(pattern) if path.is_file())


def check_files(folder: Path) -> Iterator[str]:
    """Every file that MONAI, its Model Zoo and MONAI Label look for is there, and JSON is JSON."""
    yield from (f"{name} is missing; add it." for name in NEEDED if not (folder / name).is_file())
    for path in [*sorted(folder.glob("configs/*.json")), *sorted(folder.glob("models/*.json"))]:
        try:
            read_json(path)
        except BundleError as error:
            yield str(error)


def check_no_code(folder: Path) -> Iterator[str]:
    """No Python beside the configurations: of two bundles in one process, MONAI would run the first one's scripts."""
    found = sorted({path.relative_to(folder).as_posix() for path in folder.rglob("*.py")})
    if (folder / "scripts").exists():
        found.append("scripts/")
    if found:
        yield f"{', '.join(found)} would clash with those of other bundles; move the code into an installed package."


def check_no_macros(folder: Path) -> Iterator[str]:
    """No `%file::key`, which MONAI opens relative to the working directory, and no label or text that it changes."""
    for path in sorted(folder.glob("configs/*.json")):
        if '"%' in path.read_text(encoding="utf-8", errors="replace"):
            yield f"{path.name} reads another file by a % macro; write the value out."
    for name in (INFERENCE, TRAINING):
        for where, text in _texts(read_json(folder / name)) if (folder / name).is_file() else ():
            if "#" in text and text[0] not in ("$", "@", "%"):
                yield f"{name} has a # in {where}, of which MONAI makes ::; write that text without it."


def _texts(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a configuration with the ids that lead to it."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, (dict, list)):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(one, f"{where}#{name}" if where else str(name))


def check_large_files(folder: Path) -> Iterator[str]:
    """Files that are too large for the Model Zoo's repository are listed with where to get them."""
    listed = _listed_files(folder / LARGE_FILES)
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        if path.stat().st_size > LARGEST_BYTES and name not in listed:
            yield f"{name} has over 25 MB; list it in {LARGE_FILES} with path, url, hash_val and hash_type."


def _listed_files(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))["large_files"]
        return {row["path"] for row in rows if {"url", "hash_val", "hash_type"} <= row.keys()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{LARGE_FILES} is no list of files under 'large_files'; write it as one.") from error


def check_name(folder: Path) -> Iterator[str]:
    """The folder is called as the metadata say, and its name ends in the task."""
    called = read_json(folder / METADATA).get("bundle_name")
    if called != folder.name:
        yield f"The folder is called {folder.name} and bundle_name is {called}; rename one of them."
    if folder.name.endswith(OTHER_TASKS):
        yield Note("MONAI Label knows no such task and takes it for segmentation.")
    elif not folder.name.endswith(LABEL_TASKS):
        yield f"The name ends in no task ({', '.join(LABEL_TASKS + OTHER_TASKS)}); rename folder and bundle_name."
