"""A case: what a label says of something, and the rows of results that speak of the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from echocare_core.errors import TableError


@dataclass(frozen=True)
class Case:
    """One row of labels, or several where each is a box or a point, with the results that it joins.

    Attributes:
        number: of its (first) row of the table, from 1 below the names of the columns.
        labels: its rows.
        rows: of `results.csv`, the narrowest that speak of as much as the label does.
        level: of what the label speaks: "frame", "image", "series", "study" or "patient".
        group: patient, as a pseudonym or as a table calls it; rows of one are drawn together.
        subgroups: name -> value.
        frames: rows of `results.csv` of the single frames of the same files, which say what no wider row does.
    """

    number: int
    labels: tuple[Mapping[str, str], ...] = field(repr=False)
    rows: tuple[Mapping[str, str], ...] = field(repr=False)
    level: str
    group: str = field(repr=False)
    subgroups: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[Mapping[str, str], ...] = field(default=(), repr=False)

    def cell(self, column: str) -> str:
        """What its labels say in a column; "" where none says anything.

        Raises:
            TableError: its rows say different things; without a full stop.
        """
        said = list(dict.fromkeys(row[column] for row in self.labels if row.get(column)))
        if len(said) > 1:
            raise TableError(
                f"and another row of its case have '{said[0]}' and '{said[1]}' as {column}, needed one label"
            )
        return said[0] if said else ""

    @property
    def keys(self) -> dict[str, object]:
        """The columns of `evaluation.csv` that say which case a row is."""
        first = self.rows[0]
        same = {
            name: first[name] for name in KEPT if first.get(name) and len({row.get(name) for row in self.rows}) == 1
        }
        frame = {"frame": first["frame"]} if first.get("frame") and len(self.rows) == 1 else {}
        image = first.get("image") or first["source"]
        several = {"results": len(self.rows)}
        return {"label_row": self.number, "image": image, **frame, "group": self.group, **same, **several}


@dataclass(frozen=True)
class NotJoined:
    """A label without results, or results without a label.

    Attributes:
        side: "label" or "result".
        row: of the table of labels, from 1; None for results.
        source: file of the results; "" where none is meant.
        reason: in words.
    """

    side: str
    row: int | None
    source: str
    reason: str


@dataclass(frozen=True)
class Joined:
    """Labels and results side by side.

    Attributes:
        cases: in the order of the table.
        by: column that joined them.
        tried: other columns that the table has -> how many rows they would have joined.
        not_joined: what is left over on both sides.
        told_apart: kind of what tells patients apart -> how many cases: "table", "patient", "study", "series", "file".
    """

    cases: tuple[Case, ...]
    by: str
    tried: Mapping[str, int]
    not_joined: tuple[NotJoined, ...]
    told_apart: Mapping[str, int]

    @property
    def groups(self) -> int:
        """How many patients the cases are of."""
        return len({case.group for case in self.cases})


KEPT = ("sop_instance_uid", "series_instance_uid", "study_instance_uid")
