"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple


@dataclass(frozen=True)
class Finding:
    """One line of the table that `echocare check` shows.

    Attributes:
        check: name of the check.
        outcome: "noted" is worth knowing, and no failure.
        says: what was found and, where it failed, what to do; empty where it passed.
    """

    check: str
    outcome: Literal["passed", "noted", "failed"]
    says: str = ""


class Note(str):
    """A sentence of a check that is no failure."""

    __slots__ = ()


class Check(NamedTuple):
    """A check with its name.

    Attributes:
        name: as `echocare check` shows it.
        problems_of: yields a sentence for each problem of the bundle in a folder, or a `Note`; nothing where it passes.
        needs: files without which it does not apply; that they are missing is another check's matter.
    """

    name: str
    problems_of: Callable[[Path], Iterator[str]]
    needs: tuple[str, ...] = ()
