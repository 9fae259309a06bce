"""Texts beside the words that a person wrote: the same, or not. Nothing is said of how near they come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from echocare_core.assessment.cases import Case
from echocare_core.assessment.kinds.question import Measure, Question, Unscored, lost, only_row
from echocare_core.evaluation.averages import share_true


class TextQuestion(Question):
    """One text.

    Args:
        name: of the text, such as "report".
        results: folder that the files of results are relative to.
    """

    kind = "Text"
    rule = "A text is right where it has the same words; capital letters, blanks and line breaks do not count."

    def __init__(self, name: str, results: Path) -> None:
        super().__init__(name)
        self.results = results
        self.worst = (f"{name}_same", False)

    def is_labelled(self, case: Case) -> bool:
        """Whether a text stands there."""
        return bool(case.cell(self.name))

    def score(self, case: Case) -> dict[str, object]:
        """Whether the words are the same."""
        row = only_row(case, "a text speaks")
        file = row.get(f"{self.name}_file")
        if not file:
            raise Unscored("it has no text in the results")
        try:
            written = (self.results / file).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise lost(self.results / file) from None
        words = [text.casefold().split() for text in (case.cell(self.name), written)]
        return {f"{self.name}_same": float(words[0] == words[1])}

    def failed(self, rows: pd.DataFrame) -> pd.Series:
        """Those with other words."""
        return rows[f"{self.name}_same"] == 0

    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """Share of texts that are the same."""
        return (
            Measure(f"{self.name}_same", f"{self.words}: same words", share_true(f"{self.name}_same"), "higher", True),
        )
