"""What is asked of the cases: one output of the bundle beside one label of each case."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from echocare_core.assessment.cases import Case
from echocare_core.errors import OutputError
from echocare_core.evaluation.estimate import Estimate
from echocare_core.evaluation.statistic import Statistic

Better = Literal["higher", "lower", ""]


class Unscored(Exception):  # noqa: N818  (it reads as what was found)
    """A case that cannot be scored though it is labelled; its text says why, and is counted on the page."""


@dataclass(frozen=True)
class Measure:
    """A number that is reported, over all cases, in each subgroup, and beside another model.

    Attributes:
        name: in `evaluation.json`, such as "dice_head".
        words: for people, such as "Dice, head".
        statistic: what is computed; its unit is the number's.
        better: which way is better; "" where neither is.
        headline: it stands in the summary of subgroups and comparisons, the others in the table of all numbers alone.
    """

    name: str
    words: str
    statistic: Statistic
    better: Better = "higher"
    headline: bool = False


class Question(ABC):
    """One output beside one label.

    Attributes:
        name: of the output, also the column of the labels.
        kind: class of the output, such as "Mask".
        worst: column of `score` and whether the largest is the worst, by which failures are ranked.
        rule: how the output and the label of a case come to speak of the same, in a sentence.
    """

    kind: str = ""
    rule: str = ""
    one_frame: bool = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.worst: tuple[str, bool] = ("", True)

    @property
    def words(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ")

    @abstractmethod
    def is_labelled(self, case: Case) -> bool:
        """Whether the label says anything of it."""

    @abstractmethod
    def score(self, case: Case) -> dict[str, object]:
        """The columns of a labelled case.

        Raises:
            Unscored: its results say nothing of it.
            TableError: the label is wrong; without a full stop.
        """

    @abstractmethod
    def measures(self, rows: pd.DataFrame) -> Sequence[Measure]:
        """What is reported of the scored cases."""

    def failed(self, rows: pd.DataFrame) -> pd.Series:
        """Which of the scored cases are failures, bool; all that can be ranked where right and wrong are no kinds."""
        return pd.Series(True, index=rows.index)

    def prepared(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The scored cases as statistics read them, with `group`."""
        return rows

    def more(self, rows: pd.DataFrame) -> Mapping[str, Estimate]:
        """Further numbers of all prepared cases, for the plots."""
        return {}


def only_row(case: Case, what: str) -> dict[str, str]:
    """The one row of results of a case, about one frame where it has a choice.

    Raises:
        Unscored: several speak of it.
    """
    if len(case.rows) > 1:
        raise Unscored(f"{len(case.rows)} results speak of it, and {what} of one frame; name the frame in the labels")
    return dict(case.rows[0])


def lost(path: Path) -> OutputError:
    """What is said where a file that results name cannot be read."""
    return OutputError(
        f"{path} is gone or damaged, though results.csv names it; needed the folder of results as the run left it. "
        "Copy the whole folder again, or predict anew."
    )
