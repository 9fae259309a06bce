"""The cell of a table that names masks: one file, or several between semicolons, which are one mask together.

Of a picture in which there is nothing to draw it holds the word `nothing` in place of a file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

BETWEEN = ";"
NOTHING = "nothing"


def split_masks(cell: str, folder: Path) -> list[str]:
    """The files that a cell names, as it writes them; none where there is nothing to draw.

    A file whose own name holds a semicolon is found where it exists; blanks around a name are left out.

    Args:
        cell: one path, or several.
        folder: that they are relative to.
    """
    if cell.casefold() == NOTHING:
        return []
    if BETWEEN not in cell:
        return [cell]
    parts: list[str] = cell.split(BETWEEN)
    found: list[str] = []
    while parts:
        for count in range(len(parts), 0, -1):
            name = BETWEEN.join(parts[:count])
            if os.path.isfile(folder / name):  # a cell may be longer than any path, which is no error here
                break
        else:
            name = parts[0].strip()
        parts = parts[count:]
        found.append(name)
    return [name for name in found if name] or [cell]


def place_masks(cell: str, folder: Path) -> str:
    """The same cell with the path of each file from where `folder` is."""
    return join_files([str(folder / name) for name in split_masks(cell, folder)])


def join_files(files: Sequence[str]) -> str:
    """The cell of these files."""
    return BETWEEN.join(files) or NOTHING
