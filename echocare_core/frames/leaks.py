"""Pictures that a training and its test, or two groups, would share: refused, or told where they are only alike."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from echocare_core.counting import enumerated, first_ten
from echocare_core.frames.faults import name_rows
from echocare_core.frames.same_picture import (
    ListedPicture,
    SharedPicture,
    find_regrouped_copies,
    find_shared_pictures,
)

logger = logging.getLogger(__name__)


def find_leaks(pictures: Sequence[ListedPicture], split: str, path: Path) -> list[str]:
    """Pictures of a split that stand in another one, or whose copies stand in another group, in words; say which look
    alike.

    Args:
        pictures: that the table names, of all splits that are used.
        split: the one that is asked for.
        path: of the table.
    """
    shared = find_shared_pictures(pictures, split)
    alike = [f"{_row(one.again)} looks like {_row(one.first)}{_how(one)}" for one in shared if not one.same]
    if alike:
        _say_alike(path, tuple(alike))
    leaks = [f"{_row(one.again)} shows the picture of {_row(one.first)}{_how(one)}" for one in shared if one.same]
    for copies in find_regrouped_copies([one for one in pictures if one.split == split]):
        names = enumerated([one.path.name for one in copies])
        leaks.append(f"rows {name_rows([one.row for one in copies])} put one picture into several groups, {names}")
    return leaks


def _row(picture: ListedPicture) -> str:
    return f"row {picture.row + 1} ({picture.path.name}, {picture.split})"


def _how(shared: SharedPicture) -> str:
    return ", mirrored" if shared.mirrored else ", saved anew" if shared.same and not shared.exact else ""


@cache
def _say_alike(path: Path, alike: tuple[str, ...]) -> None:
    """Say once which pictures of two splits may be of one patient."""
    logger.warning(
        "%s: %s. Put those that show one patient into one group, counting rows from 1 below the names of the columns.",
        path,
        first_ten(alike),
    )
