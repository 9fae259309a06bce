"""What a layout finds in a folder, and what it is to find it: one `Layout` for each public data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import TableError
from echocare_core.types import SetAside

PATHOLOGY, TIRADS = "pathology", "tirads"  # columns of a table
ORIGINAL = "original"  # likewise: the path of the same view by a better scanner
BENIGN, MALIGNANT, NORMAL = "benign", "malignant", "normal"
PATHOLOGIES = {"0": BENIGN, "1": MALIGNANT}  # as TN3K and TN5000 write them
PICTURES = (".jpg", ".jpeg", ".png")

DrawMask = Callable[[tuple[int, int]], NDArray[np.uint8]]
"""(height, width) to a mask of that size, values 0 and 1; ValueError with a reason where it cannot be drawn."""


@dataclass(frozen=True)
class Found:
    """A picture of a data set.

    Attributes:
        path: of its file.
        name: unlike that of any other picture of the data set; also of its mask's file, below `masks/`, without ".png".
        group: the case, where the data set names cases, else a name of the picture.
        split: train, val or test; "" where the data set does not say.
        label: what the column of the layout says of it; "" where the data set does not.
        draw: its mask; None where nobody drew one.
    """

    path: Path
    name: str
    group: str
    split: str = ""
    label: str = ""
    draw: DrawMask | None = None


@dataclass(frozen=True)
class Contents:
    """What a folder holds.

    Attributes:
        pictures: all that may stand in the table.
        set_aside: what may not, with its path below the folder.
        column: of labels; "" where the folder has none.
    """

    pictures: tuple[Found, ...]
    set_aside: tuple[SetAside, ...]
    column: str


@dataclass(frozen=True)
class Layout:
    """How a public data set lies in its folder.

    Attributes:
        name: by which it is asked for.
        cases: a group is a case; else patients are not known, and a group is a picture.
        read: a folder to what it holds; TableError where it does not have this layout.
    """

    name: str
    cases: bool
    read: Callable[[Path], Contents]


def check_has(folder: Path, names: Sequence[str], layout: str) -> None:
    """TableError unless a folder holds all of `names`, which the layout is known by."""
    if missing := [name for name in names if not (folder / name).is_dir()]:
        raise TableError(
            f"{folder} has no {' and no '.join(missing)}; {layout} needs the folders {', '.join(names)}. "
            "Give the folder that holds them."
        )


def files_below(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files of these suffixes anywhere below a folder, sorted; not hidden ones, such as macOS leaves in archives."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def pictures_in(folder: Path) -> list[Path]:
    """Pictures that lie in a folder itself, sorted."""
    return [path for path in files_below(folder, PICTURES) if path.parent == folder]


def below(path: Path, folder: Path) -> str:
    """The path of a file as lists have it: relative to the folder that was read, with forward slashes."""
    return path.relative_to(folder).as_posix()
