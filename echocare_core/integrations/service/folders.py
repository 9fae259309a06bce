"""Private folders of a service and of its requests, which nothing outlives."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocare_core.lock import LOCK_FILE, FolderLock, is_abandoned

PREFIX = "echocare-serve-"


@contextmanager
def service_folder() -> Iterator[Path]:
    """A folder for the requests of one service, for its owner alone; gone in the end.

    What a service that was killed left behind is removed by the next.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if is_abandoned(left / LOCK_FILE) and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
    private = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)  # mode 0700
    with private as folder, FolderLock(Path(folder), "the files of requests"):
        yield Path(folder)


def new_request_folder(parent: Path) -> Path:
    """A new folder with `upload` in it."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    (folder / "upload").mkdir(0o700)
    return folder


def remove(folder: Path) -> None:
    """Remove the folder of a request and all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
