"""What a training and the checkpoint that it goes on from must have in common, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from glob import escape
from pathlib import Path
from typing import Any

from echocare_core.checksum import sha256_of
from echocare_core.frames.mask_files import split_masks
from echocare_core.frames.spelling import WRITTEN
from echocare_core.origin import find_running
from echocare_core.training.dataset import LOADING_THREADS

HEADERS_ALONE = (".mhd", ".nhdr")  # formats whose numbers stand in another file
TRACKING = ("tracking_uri", "experiment_name", "run_name", "save_execute_config")  # what MONAI's `tracking` adds
ENGINES = ("train::trainer", "validate::evaluator")
FREE = (  # where, how long and in which batches a training runs, and what is wired alike in every bundle
    *("bundle_root", "dataset_dir", "output_dir", "device", "max_epochs", "val_interval", "batch_size"),
    *("imports", "initialize", "run", "finalize", "_meta_"),
    *("train::handlers", "train::dataset::data", "validate::handlers", "validate::dataset::data"),
    *(f"train::trainer::{name}" for name in ("max_epochs", "val_interval", "output_dir", "bundle_root")),
    *(f"{engine}::{name}" for engine in ENGINES for name in ("device", "batch_size", "handlers")),
    *TRACKING,
)


def describe_training(*, bundle: Mapping[str, str], training: Any, validation: Any) -> dict[str, str]:
    """Everything that decides what an epoch of a training learns, by name: bundle, images, and the configuration.

    Args:
        bundle: name and version.
        training, validation: data sets (`describe_images`).
    """
    running = find_running()
    return {
        "bundle": " ".join(bundle.values()),
        "training images": describe_images(training),
        "validation images": describe_images(validation),
        **({} if running is None else dict(_entries(running.parser.config))),
    }


def _entries(config: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Id and value of the smallest parts of a configuration, those in `FREE` left out."""
    named = config.items() if isinstance(config, Mapping) else enumerate(config)
    for name, value in named:
        entry = f"{above}{name}"
        if entry in FREE:
            continue
        if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(one, Mapping) for one in value)):
            yield from _entries(value, f"{entry}::")
        else:
            yield entry, _file(value) or json.dumps(value, default=lambda other: type(other).__name__)


def _file(value: Any) -> str:
    """The checksum of a file that a value names, however its path is spelt; "" where it names none."""
    try:
        path = Path(value) if isinstance(value, (str, Path)) and "." in str(value) else None
        return f"a file of SHA-256 {sha256_of(path)[:12]}" if path is not None and path.is_file() else ""
    except (OSError, ValueError):  # a text that can be no path, or a file that cannot be read
        return ""


def describe_images(dataset: Any) -> str:
    """How many images a data set has, which, and of what size, wherever they lie and however their paths are spelt.

    Args:
        dataset: with `data`, a list of mappings; files in them, images and masks, count by what they hold.
    """
    with ThreadPoolExecutor(LOADING_THREADS) as threads:
        described = threads.map(_described, getattr(dataset, "data", ()))
        rows = sorted(json.dumps(item, sort_keys=True) for item in described)
    print_of_rows = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
    cached: Sequence[Any] = getattr(dataset, "_cache", ())
    shape = tuple(getattr(cached[0].get("image"), "shape", ())) if cached and isinstance(cached[0], Mapping) else ()
    return f"{len(dataset)} of {'x'.join(map(str, shape[1:])) or 'any'} px (content {print_of_rows})"


def _described(item: Any) -> dict[str, str]:
    if not isinstance(item, Mapping):
        return {}
    kept = {name: value for name, value in item.items() if name != WRITTEN}
    return {str(name): _text(value) for name, value in kept.items() if isinstance(value, (str, int, float, Path))}


def _text(value: Any) -> str:
    names = split_masks(str(value), Path()) if isinstance(value, (str, Path)) and value else []
    try:
        files = [Path(name) for name in names]
        return " ".join(map(content_of, files)) if files and all(path.is_file() for path in files) else str(value)
    except (OSError, ValueError):  # a text that can be no path
        return str(value)


def content_of(path: Path) -> str:
    """Checksum of a file, and of those of the same name beside it where it is a header that stands alone."""
    files = sorted(path.parent.glob(f"{escape(path.stem)}.*")) if path.suffix.lower() in HEADERS_ALONE else [path]
    return " ".join(_checksum(file, file.stat().st_mtime_ns) for file in files)


@cache
def _checksum(path: Path, changed_ns: int) -> str:
    """SHA-256 of a file that was changed last at that time: a mask stands under two names in a row."""
    return sha256_of(path)
