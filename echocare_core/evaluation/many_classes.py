"""Statistics of answers among several classes: agreement beyond chance, each class against the rest, confusion.

A table has `truth` and `answer`, both names (or numbers) of classes, and where there are scores a column
`CLASS_probability` for each class.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from echocare_core.counting import enumerated
from echocare_core.errors import TableError
from echocare_core.evaluation.estimate import Estimate, estimate
from echocare_core.evaluation.statistic import FEWEST_OF_A_CLASS, Numbers, Statistic, equal_to, ratio, share_of
from echocare_core.evaluation.two_classes import AUC

Disagreement = Literal["unweighted", "linear", "quadratic"]
_POWER = {"unweighted": 0, "linear": 1, "quadratic": 2}


def kappa(classes: Sequence[Hashable], disagreement: Disagreement = "unweighted") -> Statistic:
    """Cohen's kappa of truth and answer, 1 in full agreement, 0 in that of chance (Cohen 1960; weighted: Cohen 1968).

    Args:
        classes: in their order, where they have one, as of BI-RADS.
        disagreement: how much it counts: each the same, or by the distance between the classes or its square.
    """

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        table = _tables(rows, counts, classes)
        places = np.arange(len(classes))
        apart = np.abs(places[:, None] - places) ** _POWER[disagreement] * (places[:, None] != places)
        by_chance = (
            np.einsum("ri,rj->rij", table.sum(axis=2), table.sum(axis=1)) / table.sum(axis=(1, 2))[:, None, None]
        )
        return 1 - ratio((table * apart).sum(axis=(1, 2)), (by_chance * apart).sum(axis=(1, 2)))

    return Statistic("kappa", values, ("truth", "answer"), without="truth and answers are all of one class")


def mean_sensitivity(classes: Sequence[Hashable]) -> Statistic:
    """Balanced accuracy: the mean over classes of the share of its images that are answered right, of those present."""

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        table = _tables(rows, counts, classes)
        return _known_mean(ratio(np.einsum("rii->ri", table), table.sum(axis=2)))

    columns = ("truth", "answer")
    return Statistic("balanced accuracy", values, columns, kind="bounded", fewest=FEWEST_OF_A_CLASS)


def mean_auc(classes: Sequence[str]) -> Statistic:
    """Mean over classes of the area under the ROC curve of each against the rest, of those for which it is known."""

    def values(rows: pd.DataFrame, counts: Numbers) -> Numbers:
        return _known_mean(np.stack([AUC.values(one_against_rest(rows, name), counts) for name in classes], axis=1))

    columns = ("truth", *(f"{name}_probability" for name in classes))
    without = "all images are of one class"
    return Statistic("mean AUC", values, columns, kind="bounded", fewest=FEWEST_OF_A_CLASS, without=without)


def one_against_rest(rows: pd.DataFrame, name: Hashable) -> pd.DataFrame:
    """The rows as a question of yes or no, for the statistics of `two_classes`: is it this class?

    Args:
        rows: with `truth`, and `answer` and the class's probability where there are such.
        name: of the class.

    Returns:
        The rows with `truth`, `answer` (0.0, 1.0, nan where missing) and `score`.
    """
    asked = {
        column: (rows[column] == name).astype(float).where(rows[column].notna())
        for column in ("truth", "answer")
        if column in rows
    }
    scored = f"{name}_probability"
    return rows.assign(**asked, **({"score": rows[scored]} if scored in rows else {}))


@dataclass(frozen=True)
class Confusion:
    """What was answered of images of each class.

    Attributes:
        classes: in the order of rows and columns.
        images: int64 (true classes, answers).
        shares: of the images of the true class (row) those with the answer (column), each with its interval.
    """

    classes: tuple[Hashable, ...]
    images: NDArray[np.int64]
    shares: tuple[tuple[Estimate, ...], ...]


def confusion(rows: pd.DataFrame, classes: Sequence[Hashable]) -> Confusion:
    """The confusion matrix, each row's shares with their intervals over groups.

    Args:
        rows: with `group`, `truth` and `answer`; those without truth or answer are left out.
        classes: in the order wanted.

    Raises:
        TableError: a class that is none of these.
    """
    known = rows.dropna(subset=["truth", "answer"])
    table = _tables(known, np.ones((1, len(known))), classes)[0].astype(np.int64)
    shares = tuple(tuple(estimate(rows, _answered(true, answer)) for answer in classes) for true in classes)
    return Confusion(tuple(classes), table, shares)


def _answered(true: Hashable, answer: Hashable) -> Statistic:
    return share_of(
        f"the share of {true} answered {answer}",
        lambda rows: equal_to(rows["answer"], answer),
        ("truth", "answer"),
        lambda rows: equal_to(rows["truth"], true),
    )


def _tables(rows: pd.DataFrame, counts: Numbers, classes: Sequence[Hashable]) -> Numbers:
    """Confusion matrices (resamples, true classes, answers)."""
    strange = [str(name) for name in pd.unique(rows[["truth", "answer"]].to_numpy().ravel()) if name not in classes]
    if strange:
        needed = enumerated([str(name) for name in classes])
        raise TableError(f"Class {enumerated(strange)} in the table; needed {needed}. Correct these rows.")
    places = {name: place for place, name in enumerate(classes)}
    cells = rows["truth"].map(places).to_numpy(int) * len(classes) + rows["answer"].map(places).to_numpy(int)
    return (counts @ np.eye(len(classes) ** 2)[cells]).reshape(-1, len(classes), len(classes))


def _known_mean(values: Numbers) -> Numbers:
    """Mean of the known ones of each row, nan where none is."""
    return ratio(np.nansum(values, axis=1), np.isfinite(values).sum(axis=1).astype(float))
