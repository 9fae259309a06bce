"""What was given to read, one thing or several: files, folders and patterns such as C/*.dcm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from echocare_core.errors import UnreadableFrames

Given = str | Path | Sequence[str | Path]
TABLES = (".csv", ".parquet")  # what names files by itself


@dataclass(frozen=True)
class Inputs:
    """Paths that are there, and where they lie.

    Attributes:
        paths: each once, in the order in which they were given; what a pattern matches is sorted.
        root: the folder that sources are relative to: the one that was given, or the folder of the one file, or the
            one that all of them share.
    """

    paths: tuple[Path, ...]
    root: Path

    @property
    def single(self) -> Path | None:
        """The path, where there is one alone."""
        return self.paths[0] if len(self.paths) == 1 else None

    def source_of(self, path: Path) -> str:
        """Path of a file relative to `root`, with forward slashes on every system."""
        return path.relative_to(self.root).as_posix()


def find_inputs(given: Given) -> Inputs:
    """Find what is to be read.

    Args:
        given: a path, or several. A path that does not exist is a pattern where it has *, ? or [ in it; ** goes through
            folders of any depth.

    Raises:
        UnreadableFrames: a path does not exist, or a pattern matches nothing; nothing was given.
    """
    paths = [path for one in every_path(given) for path in _matches(one)]
    if len(paths) == 1:
        return Inputs((paths[0],), paths[0] if paths[0].is_dir() else paths[0].parent)
    whole = tuple(dict.fromkeys(_whole(path) for path in paths))
    try:
        root = Path(os.path.commonpath(whole))
    except ValueError:
        raise UnreadableFrames(paths[0], "and others lie on several drives; needed one. Give them by turns.") from None
    return Inputs(whole, root if root.is_dir() else root.parent)


def every_path(given: Given) -> list[Path]:
    """What was given as paths; UnreadableFrames where nothing was."""
    every = [given] if isinstance(given, (str, Path)) else list(given)
    if not every or "" in every:
        raise UnreadableFrames(Path("dataset_dir"), "is empty; needed a file or folder. Pass --dataset_dir EXPORT.")
    return [Path(one) for one in every]


def _matches(path: Path) -> list[Path]:
    if os.path.lexists(path):
        return [path]
    if not has_magic(str(path)):
        raise UnreadableFrames(path, "does not exist; a file or folder is needed. Check the path.")
    found = sorted(Path(one) for one in glob(str(path), recursive=True))
    if not found:
        raise UnreadableFrames(path, "matches no file or folder; needed one at least. Check the pattern.")
    return found


def _whole(path: Path) -> Path:
    """The path from the root of the disk on, without "..", so that several can be compared; a link keeps its name."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
