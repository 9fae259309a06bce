"""Files that are whole or absent, never half-written."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocare_core.disk import sync
from echocare_core.lock import is_abandoned, try_lock

OWNER_ALONE = 0o600  # mode of keys, and of files that name patients
ENTERED_BY_OWNER = 0o700  # of folders of such files
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the place of `path` when the block ends without an error.

    It is on the disk then, and has had the permissions `mode`, less what the umask takes, since its first byte. What a
    writer that was killed left of the same file is removed.
    """
    handle, unfinished = _begin(path, mode)
    try:
        yield unfinished
        sync(unfinished)
        if os.name == "nt":  # which moves no open file
            os.close(handle)
            handle = -1
        unfinished.replace(path)
        sync(path.parent)
    finally:
        if handle >= 0:
            os.close(handle)
        unfinished.unlink(missing_ok=True)


def _begin(path: Path, mode: int) -> tuple[int, Path]:
    """A new file beside `path`, empty and locked: always of the same name, but where another writer has that."""
    unfinished = path.with_name(f".{path.stem}-unfinished{path.suffix}")
    if is_abandoned(unfinished):
        unfinished.unlink(missing_ok=True)
    try:
        handle = os.open(unfinished, NEW, mode)
    except FileExistsError:
        unfinished = path.with_name(f".{path.stem}-unfinished-{secrets.token_hex(4)}{path.suffix}")
        handle = os.open(unfinished, NEW, mode)
    try_lock(handle)
    return handle, unfinished


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed left anywhere below a folder."""
    for path in folder.rglob(".*-unfinished*"):
        if path.is_file() and is_abandoned(path):
            path.unlink(missing_ok=True)
