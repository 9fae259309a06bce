"""Nothing half-written: results are prepared in a hidden folder beside their place and moved there in one go."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from echocare_core.disk import explained

_FORMER = "former"


class Staging:
    """A hidden folder inside the results folder, from which finished work moves to its place.

    Attributes:
        folder: the results folder; made, with its parents, where it was missing.
        path: the hidden folder to write into.
    """

    def __init__(self, folder: Path, what: str = "the results") -> None:
        """Raises OutputError, which says `what` was to be written, where the folder cannot be made or written to."""
        self.folder, self._what = folder, what
        self._made: list[Path] = []
        with explained(folder, what):
            try:
                self._make(folder)
                self._hidden = tempfile.TemporaryDirectory(prefix=".echocare-", dir=folder, ignore_cleanup_errors=True)
            except OSError:
                self._remove_made()
                raise
        self.path = Path(self._hidden.name)

    def move_in(self, names: Sequence[str]) -> None:
        """Move entries to their place; former ones make room. Where one move fails, all are taken back.

        Args:
            names: files and folders; those that were not prepared in `path` only make room.

        Raises:
            OutputError: an entry cannot be moved, for example because the table is open in Excel on Windows.
        """
        done: list[tuple[Path, Path]] = []
        with explained(self.folder, self._what):
            try:
                for start, end in self._moves(names):
                    os.replace(start, end)
                    done.append((start, end))
            except OSError:
                for start, end in reversed(done):
                    os.replace(end, start)
                raise
        self._hidden.cleanup()

    def discard(self) -> None:
        """Remove what was prepared, and the results folder where it was made for it."""
        self._hidden.cleanup()
        self._remove_made()

    def _moves(self, names: Sequence[str]) -> Iterator[tuple[Path, Path]]:
        """First every former entry out of the way, then every new one in."""
        former = self.path / _FORMER
        former.mkdir(exist_ok=True)
        for name in names:
            if (self.folder / name).exists():
                yield self.folder / name, former / name
        for name in names:
            if (self.path / name).exists():
                yield self.path / name, self.folder / name

    def _make(self, folder: Path) -> None:
        """Make the folder and its missing parents, remembering which."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._made.append(path)

    def _remove_made(self) -> None:
        for path in reversed(self._made):
            with suppress(OSError):  # somebody else put a file there meanwhile: it stays
                path.rmdir()
