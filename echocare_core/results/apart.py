"""Images and results keep apart, so that no run takes the one for the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from echocare_core.errors import OutputError


def check_apart(paths: Iterable[Path], out: Path) -> None:
    """Check that no image would lie in the folder of results.

    Such a folder is not looked into when an export is read; images in it would be overlooked. For the same reason it
    may itself lie in the export.

    Args:
        paths: files and folders that are read.
        out: folder of the results, whether it is there or not.

    Raises:
        OutputError: it is one of the folders, or one of the paths lies in it.
    """
    place = out.resolve()
    for path in paths:
        if place == path.resolve():
            beside = out.parent if out.name not in ("", "..") else place.parent
            raise OutputError(
                f"{out} is the export itself; needed another folder. Name one beside it, such as "
                f"{beside / f'{place.name}-results'}."
            )
        if place in path.resolve().parents:
            raise OutputError(f"{path} lies inside {out}; needed a folder for the results alone. Name one beside it.")
