"""Nothing half-written: results are prepared in a hidden folder inside their own and moved into place in one go."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from echocare_core.atomic import ENTERED_BY_OWNER, OWNER_ALONE
from echocare_core.disk import explained, sync
from echocare_core.errors import OutputError
from echocare_core.lock import FolderLock

UNFINISHED = ".echocare-unfinished"
_EARLIER = re.compile(r"\.echocare-[a-z0-9_]{8}")  # what versions before this one called such a folder
_FORMER, _PLAN = "former", "moves.json"


class _Moves(NamedTuple):
    """What is about to move: former entries out of the way, then new ones in."""

    former: tuple[str, ...]
    new: tuple[str, ...]


class Staging:
    """A hidden folder inside the results folder, from which finished work moves to its place.

    It belongs to one run at a time (`FolderLock`), so what is found in it was left by a run that was killed. Was that
    between two moves, the results folder is made what it was before them.

    Attributes:
        folder: the results folder; made, with its parents, where it was missing.
        path: the hidden folder to write into.
    """

    def __init__(self, folder: Path, what: str = "the results", *, going_on: bool = False) -> None:
        """Take the folder.

        Args:
            folder: the results folder.
            what: was to be written, in the words of a message.
            going_on: leave in `path` what an earlier run prepared there.

        Raises:
            OutputError: the folder cannot be made or written to, or another run holds it.
        """
        self.folder, self.path, self._what = folder, folder / UNFINISHED, what
        self._made: list[Path] = []
        self._lock: FolderLock | None = None
        with explained(folder, what):
            try:
                self._make(folder)
                self._lock = FolderLock(folder, what)
                self._recover()
                self._remove_leftovers(going_on)
                self.path.mkdir(ENTERED_BY_OWNER, exist_ok=True)
            except BaseException:
                self.release()
                raise

    def move_in(self, names: Sequence[str]) -> None:
        """Move entries to their place; former ones make room. Where one move fails, all are taken back.

        Args:
            names: files and folders; those that were not prepared in `path` only make room.

        Raises:
            OutputError: an entry cannot be moved, for example because the table is open in Excel on Windows.
        """
        moves = _Moves(_there(self.folder, names), _there(self.path, names))
        with explained(self.folder, self._what):
            try:
                self._plan(moves)
                for name in moves.former:
                    os.replace(self.folder / name, self.path / _FORMER / name)
                for name in moves.new:
                    os.replace(self.path / name, self.folder / name)
                sync(self.folder)
            except BaseException:
                self._take_back(moves)
                raise
        shutil.rmtree(self.path, ignore_errors=True)
        self._made.clear()
        self.release()

    def discard(self) -> None:
        """Remove what was prepared, and the results folder where it was made for it."""
        if self._lock is not None and not (self.path / _PLAN).exists():  # else former entries may be in it
            shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let another run have the folder, with what was prepared; without the folder itself, where it is empty."""
        if self._lock is not None:
            with suppress(OSError):  # something is in it: it stays
                self.path.rmdir()
            self._lock.release()
            self._lock = None
        for path in reversed(self._made):
            with suppress(OSError):
                path.rmdir()

    def _plan(self, moves: _Moves) -> None:
        """Note what will move, on the disk, before anything does."""
        (self.path / _FORMER).mkdir(exist_ok=True)
        for name in moves.new:
            _seal(self.path / name)
        (self.path / _PLAN).write_text(json.dumps(moves._asdict()), encoding="utf-8")
        sync(self.path / _PLAN)
        sync(self.path)

    def _recover(self) -> None:
        """Finish what a run that was killed while it moved its results had decided: all of them, or none."""
        moves = _read_plan(self.path / _PLAN)
        if moves is None:
            return
        if _there(self.path, moves.new):
            self._take_back(moves)
        else:
            shutil.rmtree(self.path)  # with the former entries

    def _take_back(self, moves: _Moves) -> None:
        for name in _there(self.folder, moves.new):
            if not (self.path / name).exists():
                os.replace(self.folder / name, self.path / name)
        for name in _there(self.path / _FORMER, moves.former):
            os.replace(self.path / _FORMER / name, self.folder / name)
        (self.path / _PLAN).unlink(missing_ok=True)

    def _remove_leftovers(self, going_on: bool) -> None:
        leftovers = [path for path in self.folder.iterdir() if _EARLIER.fullmatch(path.name) and path.is_dir()]
        if not going_on or self.path.is_symlink():
            leftovers.append(self.path)
        for path in leftovers:
            if path.is_symlink():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)

    def _make(self, folder: Path) -> None:
        """Make the folder and its missing parents, remembering which."""
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file; a folder for {self._what} is needed. Choose another name.")
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._made.append(path)


def settle(folder: Path) -> None:
    """Make a results folder what it was before a run that was killed while it moved its results.

    Raises:
        OutputError: a run holds the folder, or it cannot be written.
    """
    if (folder / UNFINISHED).exists():
        Staging(folder, going_on=True).release()


def _there(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if (folder / name).exists())


def _read_plan(path: Path) -> _Moves | None:
    """What was about to move; None where nothing was, or the note itself was cut off, before anything moved."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        moves = _Moves(tuple(plan["former"]), tuple(plan["new"]))
        return moves if all(Path(name).name == name for name in (*moves.former, *moves.new)) else None
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def _seal(path: Path) -> None:
    """Keep a file, or a folder and all in it, to its owner, as results name patients, and wait until it is on the disk.

    No one else can have opened it before: the folder it was prepared in is closed.
    """
    for one in [*path.rglob("*"), path]:
        one.chmod(ENTERED_BY_OWNER if one.is_dir() else OWNER_ALONE)
        sync(one)
