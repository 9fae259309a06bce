"""What lies in a watched folder: one study each, and whether all of it has come."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from echocare_core.checksum import sha256_of
from echocare_core.errors import OutputError


@dataclass(frozen=True)
class Arrival:
    """A study in the folder: a folder of its own, of any depth, or a ZIP archive.

    Attributes:
        path: of it.
        stamp: checksum over names, sizes and times of its files; "" where there are none.
        changed_s: when one of them was last written or put there, in seconds of the clock of its disk.
    """

    path: Path
    stamp: str
    changed_s: float

    @property
    def name(self) -> str:
        """Its name in the folder."""
        return self.path.name

    def content(self) -> str:
        """A checksum over the names and bytes of its files: that of a copy is the same.

        Raises:
            OSError: it went away meanwhile.
        """
        digest = hashlib.sha256()
        for file in _files_of(self.path):
            digest.update(f"{_name_in(self.path, file)}\0{sha256_of(file)}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


class Inbox:
    """A watched folder, of which nothing is ever changed.

    Args:
        root: the folder.
        quiet_s: how long nothing may have come to a study before it is taken.
        once: look at the clock of the disk alone, and not whether something comes while this waits.
        clock: of this process, in seconds.

    Attributes:
        arriving: how many studies the last look left for a later one, as something has just come to them.
    """

    def __init__(
        self, root: Path, quiet_s: float, *, once: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root, self._quiet_s, self._once, self._clock = root, quiet_s, once, clock
        self.arriving = 0
        self._seen: dict[str, tuple[str, float]] = {}  # by name: stamp, and since when it is that

    def complete(self) -> Iterator[Arrival]:
        """Each study to which nothing has come for long enough, in the order of their names.

        Raises:
            OutputError: the folder cannot be read.
        """
        there = [path for path in self._entries() if _is_study(path)]
        self._seen = {path.name: self._seen[path.name] for path in there if path.name in self._seen}
        self.arriving = 0
        for path in there:
            try:
                arrival = _look_at(path)
            except OSError:  # it is being moved away
                continue
            if not arrival.stamp:
                continue
            if self._is_quiet(arrival):
                yield arrival
            else:
                self.arriving += 1

    def loose(self) -> int:
        """How many files lie beside the studies, which belong to none.

        Raises:
            OutputError: the folder cannot be read.
        """
        return sum(path.is_file() and not _is_study(path) for path in self._entries() if path.name[0] != ".")

    def _entries(self) -> list[Path]:
        try:
            return sorted(self._root.iterdir())
        except OSError as error:
            found = error.strerror or str(error)
            raise OutputError(
                f"{self._root} cannot be read ({found}); needed the watched folder. Look there."
            ) from error

    def _is_quiet(self, arrival: Arrival) -> bool:
        """Whether its disk says so, whose clock may be another, and what was seen of it."""
        stamp, since = self._seen.get(arrival.name, ("", 0.0))
        if stamp != arrival.stamp:
            since = self._clock()
            self._seen[arrival.name] = arrival.stamp, since
        seen_so = self._once or self._clock() - since >= self._quiet_s
        return seen_so and time.time() - arrival.changed_s >= self._quiet_s


def _is_study(path: Path) -> bool:
    return path.name[0] != "." and (path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip"))


def _look_at(path: Path) -> Arrival:
    digest, changed_s, files = hashlib.sha256(), 0.0, 0
    for file in _files_of(path):
        state = file.stat()
        mark = (_name_in(path, file), state.st_size, state.st_mtime_ns)
        digest.update(repr(mark).encode("utf-8", "surrogateescape"))
        changed_s = max(changed_s, state.st_mtime, state.st_ctime)  # a copy may keep the former, not the latter
        files += 1
    return Arrival(path, digest.hexdigest() if files else "", changed_s)


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(files))


def _name_in(path: Path, file: Path) -> str:
    return file.relative_to(path).as_posix()
