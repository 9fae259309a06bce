"""Probabilities of classes where these are more, or less, common than among the images that were learned from."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from echocare_core.errors import SettingsError
from echocare_core.types import OperatingPoint

POINT = ("label", "threshold")


class PrevalenceShift:
    """Moves probabilities of classes from the prevalence of the training to another, by Bayes' rule.

    What a network gives as p(class | image) holds where the classes are as common as in its training. Where they are
    as common as `used`, it is p * used / trained over the sum of these (Saerens, Latinne and Decaestecker, Neural
    Computation 14:21-41, 2002, equation 2.4). Taken for granted is that the images of each class look as they did in
    the training.

    Args:
        classes: names.
        trained: how common each class is among the images that were learned from: numbers above 0, of any sum. None
            where that is not known.
        used: the same of the place where the answers are used. None leaves the probabilities as they are.

    Raises:
        SettingsError: not one number for each class, or `used` without `trained`. They are above 0; `trained` may have
            a 0 as long as `used` is None.
    """

    def __init__(
        self,
        classes: Sequence[str],
        trained: Mapping[str, float] | None = None,
        used: Mapping[str, float] | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self.ratios: dict[str, float] | None = None
        if used is None and trained is not None:
            _check_numbers(classes, trained, "trained_prevalence", above_0=False)
        if used is None:
            return
        if trained is None:
            raise SettingsError(
                "prevalence is set, and trained_prevalence is null; needed how common each class was in the training, "
                "to move the probabilities from there. Set trained_prevalence, or leave prevalence out."
            )
        before, after = _shares(classes, trained, "trained_prevalence"), _shares(classes, used, "prevalence")
        self.ratios = {name: after[name] / before[name] for name in classes}

    def probabilities(self, trained: Mapping[str, float]) -> dict[str, float]:
        """Probabilities of the classes, together 1, of those at the prevalence of the training."""
        if self.ratios is None:
            return dict(trained)
        moved = {name: probability * self.ratios[name] for name, probability in trained.items()}
        total = sum(moved.values())
        return {name: probability / total for name, probability in moved.items()}

    def operating_point(self, trained: Mapping[str, Any] | None) -> OperatingPoint | None:
        """The operating point that answers of every image what `trained` does at the prevalence of the training.

        Its sensitivity and its specificity stay, for they do not depend on prevalence.

        Args:
            trained: its `label` and `threshold`; None where the likeliest class is the answer.

        Raises:
            SettingsError: no such mapping, of none of the classes, at no probability, or one among more than two
                classes at another prevalence, where no threshold does that.
        """
        point = None if trained is None else self._checked(trained)
        if point is None or self.ratios is None:
            return point
        if len(self.ratios) > 2:
            raise SettingsError(
                f"prevalence is set, and '{point.label}', one of {len(self.ratios)} classes, is the answer from a "
                f"threshold on; no threshold gives the same answers at another prevalence. Set operating_point to "
                f"null: then the likeliest class is the answer."
            )
        (other,) = self.ratios.keys() - {point.label}
        at_threshold = self.probabilities({point.label: point.threshold, other: 1 - point.threshold})
        return OperatingPoint(point.label, at_threshold[point.label])

    def _checked(self, point: Mapping[str, Any]) -> OperatingPoint:
        given = dict(point) if isinstance(point, Mapping) else {}
        label, threshold = (given.get(key) for key in POINT) if set(given) == set(POINT) else (None, None)
        if label in self.classes and isinstance(threshold, (int, float)) and 0 < threshold <= 1:
            return OperatingPoint(label, threshold)
        raise SettingsError(
            f"operating_point is {given or point!r}; needed a label, one of {', '.join(self.classes)}, and a threshold "
            f"above 0, at most 1, or null. Correct operating_point."
        )


def prevalence_of(items: Sequence[Mapping[str, Any]], column: str, classes: Sequence[str]) -> dict[str, float]:
    """Share of each class among the rows of a table, to four digits.

    Args:
        items: rows, such as the `data` of a `TableDataset`.
        column: with the name of the class.
        classes: names.
    """
    counts = Counter(str(item[column]) for item in items)
    return {name: float(f"{counts[name] / len(items):.4g}") for name in classes}


def _shares(classes: Sequence[str], numbers: Mapping[str, float], setting: str) -> dict[str, float]:
    """Numbers of the classes as shares of their sum."""
    _check_numbers(classes, numbers, setting, above_0=True)
    total = sum(numbers.values())
    return {name: numbers[name] / total for name in classes}


def _check_numbers(classes: Sequence[str], numbers: Any, setting: str, *, above_0: bool) -> None:
    """SettingsError unless there is a number for each class, above 0 or at least 0."""
    of_each = isinstance(numbers, Mapping) and set(numbers) == set(classes)
    if not of_each or not all(_is_number(one) and (one > 0 if above_0 else one >= 0) for one in numbers.values()):
        raise SettingsError(
            f"{setting} is {numbers!r}; needed a number {'above' if above_0 else 'from'} 0 for each of "
            f"{', '.join(classes)}, such as {json.dumps(dict.fromkeys(classes, 1))}. Correct {setting}."
        )


def _is_number(number: Any) -> bool:
    return isinstance(number, (int, float)) and math.isfinite(number)
