"""Images and results keep apart, so that no run takes the one for the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from echocare_core.errors import OutputError


def check_apart(paths: Iterable[Path], out: Path) -> None:
    """Check that results would not stand around or among the images.

    A folder of results is not looked into when an export is read; images in it would be overlooked.

    Args:
        paths: files and folders that are read.
        out: folder of the results, whether it is there or not.

    Raises:
        OutputError: it is one of the folders, or one of the paths lies in it.
    """
    place = out.resolve()
    for path in paths:
        if place == path.resolve():
            raise OutputError(
                f"{out} is the export itself; needed another folder. Name one, such as {out / 'results'}."
            )
        if place in path.resolve().parents:
            raise OutputError(f"{path} lies inside {out}; needed a folder for the results alone. Name one beside it.")


def check_outside(paths: Iterable[Path], out: Path) -> None:
    """Check that results would not lie inside a folder that is read.

    Raises:
        OutputError: they would.
    """
    for path in paths:
        if path.is_dir() and path.resolve() in out.resolve().parents:
            raise OutputError(f"{out} lies inside {path}, which is read; needed another folder. Name one beside it.")
