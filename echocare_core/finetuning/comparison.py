"""Two evaluations of the same images, number by number, and how much each number changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from echocare_core.evaluation.averages import mean_or_share
from echocare_core.evaluation.bootstrap import Summary
from echocare_core.evaluation.comparison import Comparison
from echocare_core.evaluation.comparison import compare as compare_models
from echocare_core.evaluation.estimate import as_summary
from echocare_core.evaluation.summary import KEYS
from echocare_core.tasks.classification import class_statistics, name_answers

Compared = dict[str, dict[str, Summary]]


def compare(
    before: Path,
    after: Path,
    classes: Sequence[str] = (),
    of_image: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> Compared:
    """Every number before and after, and how much it changed, over the images where both know it.

    Args:
        before: folder of an evaluation (`WriteEvaluation`).
        after: of another one of the same images.
        classes: names of the classes whose answers were evaluated; none where each image has numbers of its own.
        of_image: makes these numbers of the rows of an evaluation; None where they stand there.

    Returns:
        Number -> "before", "after" and "difference", each with its interval, without numbers that cannot be known. The
        interval of a difference is from resamples of the same patients for both.
    """
    first, second = (_read(place) for place in (before, after))
    if of_image is not None:
        first, second = of_image(first), of_image(second)
    if not classes:
        return _image_by_image(first, second)
    found: Compared = {}
    for name, statistic in class_statistics(classes).items():
        now, then = (name_answers(rows.reset_index(), classes) for rows in (second, first))
        both = compare_models(now, then, statistic, key="row")  # frames of one file are rows of one image
        if not math.isnan(both.difference.estimate):  # as an area under the curve of one class alone is
            found[name] = _parts(both)
    return found


def warnings_of(parts: Mapping[str, Summary]) -> str:
    """What is to be known of a number before, after and of its difference before it is trusted, each sentence once."""
    return " ".join(dict.fromkeys(part["warning"] for part in parts.values() if "warning" in part))


def _parts(both: Comparison) -> dict[str, Summary]:
    parts = {"before": both.second, "after": both.first, "difference": both.difference}
    return {part: as_summary(number) for part, number in parts.items()}


def _read(place: Path) -> pd.DataFrame:
    rows = pd.read_csv(place / "evaluation.csv", dtype={"group": str}, keep_default_na=False, na_values=[""])
    return rows.rename_axis("row")


def _image_by_image(first: pd.DataFrame, second: pd.DataFrame) -> Compared:
    found: Compared = {}
    for number in [str(name) for name in second.select_dtypes("number") if name in first and name not in KEYS]:
        if (first[number].notna() & second[number].notna()).any():
            statistic = mean_or_share(number, pd.concat([first[number], second[number]]))
            now, then = (rows[["group", number]].reset_index() for rows in (second, first))
            found[number] = _parts(compare_models(now, then, statistic, key="row"))
    return found
