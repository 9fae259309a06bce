"""What a disk says when it cannot be written, in one sentence, and how to be sure that it has written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echocare_core.errors import OutputError

_SPACE = "Free some space on this disk or choose a folder on another one."
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "Choose a folder on another disk, or raise the limit on the size of files.",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    errno.ENOENT: "Make that folder first, or choose one that is there.",
    errno.EEXIST: "A file has that name: choose a folder.",
    errno.ENOTDIR: "A file has that name: choose a folder.",
    errno.EROFS: "This disk can only be read: choose a folder on another one.",
}
_OTHER_ADVICE = "Choose a folder you may write to, and close its files in other programs."


@contextmanager
def explained(folder: Path, what: str = "the results") -> Iterator[None]:
    """Turn an error of the file system into an OutputError: what was found, what was needed, what to do.

    Args:
        folder: where something is written.
        what: is written, in the words of the sentence.
    """
    try:
        yield
    except OSError as error:
        found = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, _OTHER_ADVICE)
        raise OutputError(f"{folder} cannot take {what} ({found}); a writable folder is needed. {advice}") from error


def is_about_name(error: BaseException | None) -> bool:
    """Whether a disk refuses the name of one file, and would take others."""
    return isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


def is_about_room(error: BaseException | None) -> bool:
    """Whether a disk has no room left, and may have some later."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk: a power cut takes nothing of them then.

    Raises:
        OSError: the disk has no room for what was written, or is gone.
    """
    if path.is_dir() and os.name == "nt":  # Windows opens no folders; it writes names at once
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
