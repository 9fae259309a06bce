"""What an evaluation found, for who asked and for what is written of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from echocare_core.assessment.cases import Joined
from echocare_core.assessment.compare import Compared
from echocare_core.assessment.folder import EVALUATION_CSV, EVALUATION_HTML, EVALUATION_JSON
from echocare_core.assessment.headers import Files
from echocare_core.assessment.join import joined_text
from echocare_core.assessment.results_folder import ResultsFolder
from echocare_core.assessment.scored import Scored
from echocare_core.assessment.subgroups import Subgroups
from echocare_core.counting import counted
from echocare_core.evaluation.estimate import Estimate
from echocare_core.printable import printable


@dataclass(frozen=True, repr=False)
class Evaluation:
    """One evaluation; as text, its numbers and the files to look at.

    Attributes:
        folder: where it stands: `evaluation.html`, `evaluation.csv`, `evaluation.json`, `not_joined.csv`,
            `checklist.md`.
        bundle: folder of the bundle.
        results: what was evaluated.
        files: that the results speak of.
        labels: path of the table of labels.
        joined: labels beside results.
        scored: one for each output that the labels speak of.
        subgroups: of each of them.
        compared: beside another model; None where there was none.
    """

    folder: Path
    bundle: Path
    results: ResultsFolder
    files: Files
    labels: Path
    joined: Joined
    scored: tuple[Scored, ...]
    subgroups: tuple[Subgroups, ...] = ()
    compared: Compared | None = field(default=None)

    @property
    def numbers(self) -> dict[str, Estimate]:
        """Every number that is reported of all cases, by its name."""
        return {measure.name: number for one in self.scored for measure, number in one.measures}

    @property
    def rows(self) -> pd.DataFrame:
        """One row for each case: which it is, in which subgroups, and its scores."""
        cases = pd.DataFrame([{**case.keys, **case.subgroups} for case in self.joined.cases]).set_index("label_row")
        hidden = ["group", "box_scores", "box_hits", "true_boxes"]  # what statistics alone read
        scores = [one.rows.drop(columns=hidden, errors="ignore") for one in self.scored]
        return pd.concat([cases, *scores], axis=1)

    def __repr__(self) -> str:
        files = (EVALUATION_HTML, EVALUATION_CSV, EVALUATION_JSON)
        said = [*joined_text(self.joined), *self._lines(), *(f"  {self.folder / name}" for name in files)]
        return "\n".join(map(printable, said))

    def _lines(self) -> Iterator[str]:
        for name, one in self.numbers.items():
            unit = f" {one.unit}" if one.unit else ""
            known = math.isfinite(one.low)
            between = f"95 % interval {one.low:.4f} to {one.high:.4f}, " if known else ""
            of = f"{counted(one.images, 'case')} of {counted(one.groups, 'patient')}"
            yield f"{name}: {one.estimate:.4f}{unit} ({between}{of})"
