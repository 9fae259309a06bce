"""What was given to read, one thing or several: files, folders, ZIP archives and patterns such as C/*.dcm."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from pathlib import Path

from echocare_core.errors import UnreadableFrames
from echocare_core.frames.unpacked import UnpackedArchive, is_archive

Given = str | Path | Sequence[str | Path]
TABLES = (".csv", ".parquet")  # what names files by itself


@dataclass(frozen=True)
class Places:
    """Where files lie, and how they are called; plain values, so that it travels to worker processes.

    Attributes:
        root: the folder that sources are relative to: the one that was given, or the folder of the one file, or the
            one that all of them share.
        unpacked: source of each archive to the folder that its files stand in.
    """

    root: Path
    unpacked: Mapping[str, Path] = field(default_factory=dict)

    def source_of(self, path: Path) -> str:
        """Path of a file relative to `root`, with forward slashes on every system; EXPORT.zip/NAME in an archive."""
        for archive, folder in self.unpacked.items():
            if path.is_relative_to(folder):
                return f"{archive}/{path.relative_to(folder).as_posix()}".removesuffix("/.")
        return path.relative_to(self.root).as_posix()

    def stored_at(self, path: Path) -> Path:
        """The file on the disk that holds a file: itself, or the archive it was unpacked from."""
        inside = [archive for archive, folder in self.unpacked.items() if path.is_relative_to(folder)]
        return self.root / inside[0] if inside else path

    def path_of(self, source: str) -> Path:
        """Where the file with that source can be opened."""
        for archive, folder in self.unpacked.items():
            if source.startswith(f"{archive}/"):
                return folder / source[len(archive) + 1 :]
        return self.root / source


@dataclass(frozen=True)
class Inputs:
    """Paths that are there.

    Attributes:
        paths: each once, in the order in which they were given; what a pattern matches is sorted.
        places: where their files lie.
        archives: those of the paths that are archives. They stay unpacked as long as this is kept.
    """

    paths: tuple[Path, ...]
    places: Places
    archives: Mapping[Path, UnpackedArchive] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder that sources are relative to."""
        return self.places.root

    @property
    def single(self) -> Path | None:
        """The file, where one alone was given that holds no others."""
        path = self.paths[0]
        return path if len(self.paths) == 1 and path not in self.archives and not path.is_dir() else None

    def source_of(self, path: Path) -> str:
        """As `Places.source_of`."""
        return self.places.source_of(path)


def find_inputs(given: Given) -> Inputs:
    """Find what is to be read.

    Args:
        given: a path, or several. A path that does not exist is a pattern where it has *, ? or [ in it; ** goes through
            folders of any depth.

    Raises:
        UnreadableFrames: a path does not exist, or a pattern matches nothing; nothing was given; an archive that cannot
            be unpacked.
    """
    paths = [path for one in every_path(given) for path in _matches(one)]
    if len(paths) > 1:
        paths = list(dict.fromkeys(_whole(path) for path in paths))
    try:
        root = Path(os.path.commonpath(paths)) if len(paths) > 1 else paths[0]
    except ValueError:
        raise UnreadableFrames(paths[0], "and others lie on several drives; needed one. Give them by turns.") from None
    root = root if root.is_dir() else root.parent
    archives = {path: UnpackedArchive(path) for path in paths if is_archive(path)}
    unpacked = {path.relative_to(root).as_posix(): archive.folder for path, archive in archives.items()}
    return Inputs(tuple(paths), Places(root, unpacked), archives)


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
