"""What a stranger's bundle would run, told without running, importing or unpickling any of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from echocare_core.errors import BundleError
from echocare_core.untrusted.configuration import fault, place_fault, read_texts
from echocare_core.untrusted.logging_conf import faults_of_logging
from echocare_core.untrusted.pickles import faults_of_weights

DATA = ("", ".md", ".txt", ".csv", ".png", ".jpg", ".jpeg")  # suffixes of files that nothing runs
MOST_FILES = 10_000
LONGEST = 200  # characters of what is quoted


class Found(NamedTuple):
    """One thing that whoever runs a bundle should have read.

    Attributes:
        file: relative to the folder, with forward slashes.
        entry: ids that lead to it in a configuration, joined by #; empty for the file itself.
        says: what it would do.
    """

    file: str
    entry: str
    says: str


def examine(folder: str | Path) -> tuple[Found, ...]:
    """List what a bundle would run, build, open or fetch beyond what is known to do no harm.

    Expressions, imports, targets and macros in every JSON and YAML file, metadata among them, and places elsewhere that
    configurations name; Python and other programs; what weights would unpickle; links; what logging.conf evaluates.

    Args:
        folder: of a bundle, or of anything else.

    Raises:
        BundleError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"{folder} is no folder; needed that of a bundle. Unpack a zip file first.")
    found: list[Found] = []
    for number, path in enumerate(_files(folder)):
        name = path.relative_to(folder).as_posix()
        if number == MOST_FILES:
            return (*found, Found(name, "", f"and what follows it is not looked into: over {MOST_FILES} files"))
        found.extend(Found(name, entry, _short(says)) for entry, says in _faults(path))
    return tuple(found)


def _files(folder: Path) -> Iterator[Path]:
    """Files, and links, which are not followed, in order of name."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links))
        yield from (Path(place) / name for name in sorted([*files, *links]))


def _faults(path: Path) -> Iterator[tuple[str, str]]:
    if path.is_symlink():
        yield "", f"leads to {os.readlink(path)}"
    elif not path.is_file():
        yield "", "is no file"
    elif path.suffix.lower() in (".json", ".yaml", ".yml"):
        yield from _faults_of_configuration(path)
    elif path.suffix.lower() in _READERS:
        yield from (("", says) for says in _READERS[path.suffix.lower()](path))
    elif path.suffix.lower() not in DATA:
        yield "", f"may be a program; nothing looks into {path.suffix} files here"


_READERS: dict[str, Callable[[Path], Iterator[str]]] = {
    ".conf": faults_of_logging,
    **dict.fromkeys((".ckpt", ".pt", ".pth"), faults_of_weights),
}


def _faults_of_configuration(path: Path) -> Iterator[tuple[str, str]]:
    try:
        texts = read_texts(path)
    except (OSError, ValueError) as error:
        yield "", f"cannot be read: {error}"
        return
    is_run = (path.parent.name == "configs" and path.name != "metadata.json") or path.stem == "large_files"
    for text in texts:
        says = fault(text) or (place_fault(text.text) if is_run else None)
        if says:
            yield "#".join(text.where), says


def _short(says: str) -> str:
    return says if len(says) <= LONGEST else f"{says[:LONGEST]}..."
