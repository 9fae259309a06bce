"""One run at a time in a folder: who comes second is told so, and who was killed holds nothing."""

from __future__ import annotations

import errno
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from echocare_core.disk import explained
from echocare_core.errors import OutputError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _BEHIND_NOTE, os.SEEK_SET)  # what is locked cannot be read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


LOCK_FILE = ".echocare-lock"
_BEHIND_NOTE = 1000  # bytes that may name who holds a file
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class FolderLock:
    """A folder that belongs to one run, from here to `release` or to the end of the process, however that ends.

    `.echocare-lock` in the folder is locked by the operating system and names who holds it. Where a file system has no
    locks, as some network shares, the file itself is the lock: that of a process that has ended is taken over, that of
    another machine has to be deleted by hand.

    Raises:
        OutputError: another run holds the folder, in this process or another, or the folder cannot be written.
    """

    def __init__(self, folder: Path, what: str = "the results") -> None:
        """Take a folder, which is there, to write `what` into it."""
        self._path = folder / LOCK_FILE
        with explained(folder, what):
            self._descriptor: int | None = self._take()

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let others have it; nothing stays of the lock."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # Windows deletes no open file
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None
        if sys.platform == "win32":
            self._path.unlink(missing_ok=True)

    def _take(self) -> int:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                note = os.read(descriptor, _BEHIND_NOTE).decode("utf-8", "replace")
                locked = try_lock(descriptor)
                if locked is False or (locked is None and _runs(note)):
                    raise OutputError(_in_use(self._path, note, by_note=locked is None))
                if _is_at(descriptor, self._path):  # else who held it has just deleted it
                    os.ftruncate(descriptor, 0)
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    os.write(descriptor, f"{os.getpid()} {platform.node()}".encode())
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file for as long as it is open: whether that succeeded, None where its disk has no locks."""
    try:
        _lock(descriptor)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def is_abandoned(path: Path) -> bool:
    """Whether nobody holds a file that was locked by whoever wrote it; no where that cannot be known."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return bool(try_lock(descriptor))
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _runs(note: str) -> bool:
    """Whether the process that a lock names may still run; of another machine nobody knows."""
    process, _, machine = note.partition(" ")
    if not process.isdecimal():
        return False
    if machine != platform.node() or sys.platform == "win32":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _in_use(path: Path, note: str, *, by_note: bool) -> str:
    process, _, machine = note.partition(" ")
    who = f" (process {process} on {machine})" if machine else ""
    ended = f", delete {path.name} in it if that has ended," if by_note else ""
    return (
        f"{path.parent} is in use by another run{who}; a folder for each is needed. Wait until that has ended{ended}"
        " or choose another folder."
    )
