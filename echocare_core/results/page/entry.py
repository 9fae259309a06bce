"""One row of the results as the page shows it: the row with its details."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from echocare_core.results.table import Row
from echocare_core.types import Details, Output

_Kind = TypeVar("_Kind", bound=Output)


class Entry(NamedTuple):
    """A row of `results.csv` and what it is about."""

    row: Row
    details: Details

    def of(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Its outputs of one kind."""
        return (output for output in self.details.outputs if isinstance(output, kind))

    def has(self, kind: type) -> bool:
        """Whether one of its outputs is of that kind."""
        return any(type(output) is kind for output in self.details.outputs)

    @property
    def level(self) -> str:
        """What it speaks of: "frame", "cine" or "study"."""
        return str(self.row.get("level", "frame"))

    @property
    def words(self) -> str:
        """What is shown of it: "frame 3", or "a frame of the cine"."""
        return f"frame {self.row['frame']}" if self.level == "frame" else f"a frame of the {self.level}"
