"""Splits that a data set leaves open, drawn over groups."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from echocare_core.errors import TableError
from echocare_core.layouts.found import Found

DRAWN = {"val": 0.1, "test": 0.2}  # shares of groups; the others are train
VAL_OF_TRAIN = 0.1


def complete_splits(pictures: Sequence[Found], seed: int) -> tuple[list[Found], str]:
    """Give every picture a split.

    Where the data set has train, val and test they stay; where it has no val, groups of train are drawn for it; where
    it has no train or no test, all are drawn. Of splits that stay, pictures that are in none are left out.

    Args:
        pictures: of a data set, a group in one split.
        seed: of what is drawn.

    Returns:
        The pictures that have a split, and where it comes from, in a sentence.

    Raises:
        TableError: too few groups to draw from.
    """
    given = {found.split for found in pictures} - {""}
    if not {"train", "test"} <= given:
        drawn = draw_splits((found.group for found in pictures), DRAWN, seed)
        own = f" (those of the data set, {', '.join(sorted(given))} alone, are not used)" if given else ""
        said = f"Splits are drawn over groups by seed {seed}: 70 % train, 10 % val, 20 % test{own}."
        return [replace(found, split=drawn[found.group]) for found in pictures], said
    within = [found for found in pictures if found.split]
    if "val" in given:
        return within, "Splits are those of the data set."
    drawn = draw_splits((found.group for found in within if found.split == "train"), {"val": VAL_OF_TRAIN}, seed)
    said = f"Test is that of the data set; val is a tenth of its train, drawn over groups by seed {seed}."
    return [replace(found, split=drawn.get(found.group, found.split)) for found in within], said


def draw_splits(groups: Iterable[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """Draw groups for splits.

    Args:
        groups: in any order, repeated or not.
        shares: of each split but train; each gets one group at least.
        seed: the same groups and seed give the same splits.

    Returns:
        The split of each group.

    Raises:
        TableError: fewer groups than splits.
    """
    names = sorted(set(groups))
    if len(names) <= len(shares):
        raise TableError(
            f"The folder has {len(names)} groups to draw {', '.join(('train', *shares))} from; needed one for each. "
            "Add pictures, or check that all are there."
        )
    random.Random(seed).shuffle(names)
    splits = dict.fromkeys(names, "train")
    for split, share in shares.items():
        for _ in range(max(1, round(share * len(splits)))):
            splits[names.pop()] = split
    return splits
