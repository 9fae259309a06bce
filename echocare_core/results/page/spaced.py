"""Some of many, evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def evenly_spaced(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of the items, the first and the last among them where there is more than one to choose."""
    if len(items) <= most:
        return list(items)
    if most < 2:
        return [items[len(items) // 2]] if most else []
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]
