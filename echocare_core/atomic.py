"""Files that are whole or absent, never half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocare_core.disk import sync
from echocare_core.lock import is_abandoned, try_lock


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the place of `path` when the block ends without an error.

    Until then only its owner may read it; then it has the permissions `mode`, and is on the disk. What a writer that
    was killed left of the same file is removed.
    """
    handle, unfinished = _begin(path)
    try:
        yield unfinished
        sync(unfinished)
        unfinished.chmod(mode)
        if os.name == "nt":  # which moves no open file
            os.close(handle)
            handle = -1
        unfinished.replace(path)
        sync(path.parent)
    finally:
        if handle >= 0:
            os.close(handle)
        unfinished.unlink(missing_ok=True)


def _begin(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, empty and locked: always of the same name, but where another writer has that."""
    unfinished = path.with_name(f".{path.stem}-unfinished{path.suffix}")
    if is_abandoned(unfinished):
        unfinished.unlink(missing_ok=True)
    try:
        handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        unfinished = Path(name)
    try_lock(handle)
    return handle, unfinished
