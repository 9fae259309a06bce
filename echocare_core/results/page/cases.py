"""The cases of a page: a study, or a file with what is said of it as a whole and of its frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import cast

from echocare_core.printable import printable
from echocare_core.results.page.entry import Entry
from echocare_core.results.page.groups import groups_of
from echocare_core.types import Details

_UNKNOWN = Details((), None, nothing_found=False)  # what a table does not have


@dataclass(frozen=True)
class Numbered:
    """An entry with its number on the page, by which its picture is found."""

    number: int
    entry: Entry


@dataclass(frozen=True)
class Case:
    """What stands on one place of the page.

    Attributes:
        number: on the page, from 1.
        bundle: number of the bundle that said it, from 0.
        whole: what is said of the whole study or cine; empty where only frames are spoken of.
        frames: in the order of their file.
    """

    number: int
    bundle: int
    whole: tuple[Numbered, ...]
    frames: tuple[Numbered, ...]

    @property
    def all(self) -> tuple[Numbered, ...]:
        """Everything that is said, of the whole first."""
        return (*self.whole, *self.frames)

    @property
    def entries(self) -> list[Entry]:
        """The same without numbers."""
        return [one.entry for one in self.all]

    @property
    def first(self) -> Entry:
        """What is said first."""
        return self.all[0].entry

    @property
    def is_study(self) -> bool:
        """Whether it is a study, and no file."""
        return self.first.level == "study"

    @property
    def is_still(self) -> bool:
        """Whether it is the one picture of a file, whose number and time say nothing."""
        row = self.first.row
        return len(self.all) == 1 and row["frame"] == 0 and not row["frame_time_ms"]

    @property
    def source(self) -> str:
        """Path of its file, or of the folder of its study."""
        return str(self.first.row["source"])

    @property
    def anchor(self) -> str:
        """Where it stands on the page."""
        return f"case-{self.number}"

    @property
    def name(self) -> str:
        """What it is called, in plain text."""
        return f"Study {self.first.row['study']}" if self.is_study else printable(self.source)

    @property
    def picture(self) -> int | None:
        """Number of the picture that stands for it: of a cine the middle one; None where there is none."""
        shown = [one for one in self.frames or self.whole if one.entry.row.get("overlay")]
        return shown[len(shown) // 2].number if shown else None


def cases_of(sections: Sequence[Sequence[Entry]]) -> list[list[Case]]:
    """The cases of each bundle, numbered over the whole page.

    Args:
        sections: entries of each bundle.
    """
    numbers, places = count(1), count(1)
    found = []
    for bundle, entries in enumerate(sections):
        groups = groupby(groups_of(entries), key=_place)
        found.append(
            [_case(next(numbers), bundle, [one for group in same for one in group], places) for _, same in groups]
        )
    return found


def file_anchors(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Where each file stands on the page of a run, by its source.

    Args:
        rows: all of its `results.csv`, as text, "" where empty.
    """
    typed = [{**row, **{name: int(row[name]) if row[name] else None for name in ("study", "frame")}} for row in rows]
    [cases] = cases_of([[Entry(row, _UNKNOWN) for row in typed]])
    return {case.source: case.anchor for case in cases if not case.is_study}


def _place(group: Sequence[Entry]) -> tuple[bool, object]:
    """What is said of one file belongs together."""
    row, is_study = group[0].row, group[0].level == "study"
    return is_study, row.get("study") if is_study else row["source"]


def _case(number: int, bundle: int, entries: Sequence[Entry], places: Iterator[int]) -> Case:
    frames = sorted((entry for entry in entries if entry.level == "frame"), key=lambda one: cast(int, one.row["frame"]))
    whole = [entry for entry in entries if entry.level != "frame"]
    return Case(
        number,
        bundle,
        tuple(Numbered(next(places), entry) for entry in whole),
        tuple(Numbered(next(places), entry) for entry in frames),
    )
