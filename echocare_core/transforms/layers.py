"""Masks one on the other: what each draws becomes one label map, the later above the earlier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocare_core.errors import TableError
from echocare_core.transforms.said_once import say_once

Layer = tuple[int, NDArray[np.bool_]]  # label and where it is


def lay(layers: Iterable[Layer], size: tuple[int, ...], name: str) -> NDArray[np.uint8]:
    """One label map, uint8 (height, width); where labels overlap the later one is kept, and that is said once.

    Args:
        layers: label and bool (height, width) of each.
        size: (height, width).
        name: of the file, to be said.
    """
    values = np.zeros(size, dtype=np.uint8)
    for label, drawn in layers:
        if ((values != label) & (values > 0) & drawn).any():
            say_once("whose labels overlap is read with the later label on top", name)
        values[drawn] = label
    return values


def join_masks(masks: Sequence[NDArray[np.uint8]], labels: int, path: str) -> NDArray[np.uint8]:
    """Several masks of one picture as one.

    With one label besides the background it is their union. With more, files that each hold nothing but 1 (or 255), or
    their own number, are a file per label: the first is label 1, the second label 2. Of any others the numbers count,
    and the later file is kept where they overlap, which is said once.

    Args:
        masks: uint8 (height, width) of label numbers, in the order in which they are named.
        labels: number of labels with the background.
        path: of all of them, for messages.

    Raises:
        TableError: more files, each of one label, than there are labels.
    """
    if labels == 2:
        union: NDArray[np.uint8] = np.maximum.reduce(list(masks))
        return union
    name = path.rpartition("/")[2]
    if all(_numbers(mask) <= {1} or _numbers(mask) == {label} for label, mask in enumerate(masks, start=1)):
        if len(masks) >= labels:
            raise TableError(
                f"Mask {path} is {len(masks)} files of one label each; needed {labels - 1} at most, the first for "
                "label 1. Leave out the others."
            )
        say_once(
            f"of several files of one label each is read in their order, the first as label 1 (of {labels - 1})", name
        )
        return lay(((label, mask > 0) for label, mask in enumerate(masks, start=1)), masks[0].shape, name)
    say_once("of several files that are not of one label each is read by their numbers, the later file on top", name)
    return lay(((label, mask == label) for mask in masks for label in sorted(_numbers(mask))), masks[0].shape, name)


def _numbers(mask: NDArray[Any]) -> set[int]:
    return set(np.unique(mask).tolist()) - {0}
